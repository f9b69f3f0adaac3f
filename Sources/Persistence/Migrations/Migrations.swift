extension Migration {
    /// The schema, step by step. Number 4 is empty until the branch that has it is merged before this one.
    package static let all: [Migration] = [
        .log, .accounts, .plain, Migration(number: 4, name: "empty", sql: "SELECT 1"), .attachments,
    ]
}
