extension Migration {
    /// The schema, step by step. Numbers 4 and 5 are empty until the branches that have them are merged before this one.
    package static let all: [Migration] = [.log, .accounts, .plain, .empty(4), .empty(5), .issuers]

    private static func empty(_ number: Int) -> Migration {
        Migration(number: number, name: "empty", sql: "SELECT 1")
    }
}
