import Diagnostics
import Identity
import Persistence

/// `confab user` (protocol.md §5): administers accounts in the database, whether the hub runs or not. A hub that runs closes the
/// connections of whom it shuts out within five seconds.
struct UserCommand {
    enum Action: String, CaseIterable {
        case list, show, disable, enable, admin
        case resetPassword = "reset-password"
        case disableMFA = "disable-mfa"
    }

    struct Failure: Error, CustomStringConvertible {
        var description: String
    }

    /// Where the database is, as the hub was told.
    struct Place: CommandOptions {
        static let flags: [Flag] = [
            ("data", "DIR", "the hub's --data, which has its database (./data)"),
            ("database", "URL", "the hub's --database, if it has one"),
        ]

        var data = "./data"
        var database: String?
        var problem: String? { nil }

        mutating func set(_ name: String, _ value: String) -> String? {
            if name == "data" { data = value } else { database = value }
            return nil
        }
    }

    private static let accountsAtOnce = 200

    var action: Action
    /// An id, a user name or an e-mail address; empty for `list`.
    var name = ""
    /// Of `admin`.
    var isOn = false
    var place: Place

    // MARK: The command line

    static func parse(_ arguments: some Sequence<String>, environment: (String) -> String?) -> Parsed<UserCommand> {
        let words = Array(arguments)
        if words.contains("--help") || words.contains("-h") { return .help }
        let plain = words.prefix { !$0.hasPrefix("-") }
        guard let first = plain.first else { return .wrong("an action is missing") }
        guard let action = Action(rawValue: first) else { return .wrong("\(first): unknown action") }
        switch Place.parse(words.dropFirst(plain.count), environment: environment) {
        case .help: return .help
        case .wrong(let problem): return .wrong(problem)
        case .options(let place):
            var command = UserCommand(action: action, place: place)
            let expected = ["NAME", "on or off"].prefix(action == .list ? 0 : action == .admin ? 2 : 1)
            let given = Array(plain.dropFirst())
            guard given.count <= expected.count else { return .wrong("\(given[expected.count]): not expected") }
            guard given.count == expected.count else { return .wrong("\(first): \(expected[given.count]) is missing") }
            if !given.isEmpty { command.name = given[0] }
            if action == .admin {
                guard ["on", "off"].contains(given[1]) else { return .wrong("admin: \(given[1]): on or off") }
                command.isOn = given[1] == "on"
            }
            return .options(command)
        }
    }

    // MARK: The work

    func run() async throws {
        let (url, server) = try connection()
        defer { server?.stop() }
        var limits = Database.Limits()
        limits.connections = 1
        let database = Database(url: url, limits: limits)
        try await database.start()
        defer { database.close() }
        if let problem = try await SchemaVersion.problem(of: database) { throw Failure(description: problem) }
        let text = try await perform(AdministrationStore(database: database, now: SystemClock.wallMilliseconds))
        guard StandardStream.output.write(text) else {
            throw Failure(description: "it is done, but the answer could not be written")
        }
    }

    /// - Returns: the server if it was started for this command.
    private func connection() throws -> (url: String, server: EmbeddedPostgres?) {
        if let url = place.database { return (url, nil) }
        let directory = place.data + "/postgres"
        guard EmbeddedPostgres.isThere(directory) else {
            throw Failure(description: "\(directory): no database is here; a hub makes it when it first starts")
        }
        if let url = EmbeddedPostgres.urlOfRunning(directory) { return (url, nil) }
        let server = EmbeddedPostgres(directory: directory) { _ in }
        try server.start()
        return (server.url, server)
    }

    private func perform(_ store: AdministrationStore) async throws -> String {
        if action == .list { return try await list(store) }
        guard let account = try await store.account(named: name) else {
            throw Failure(description: "\(name): there is no such user")
        }
        if account.ownerID != nil, [.admin, .resetPassword].contains(action) {
            throw Failure(description: "\(name): a bot does not log in")
        }
        let isDone: Bool
        var text = ""
        switch action {
        case .list: preconditionFailure("it names nobody")
        case .show: return describe(account)
        case .disable: isDone = try await store.setEnabled(false, of: account.id)
        case .enable: isDone = try await store.setEnabled(true, of: account.id)
        case .admin: isDone = try await store.setAdmin(isOn, of: account.id)
        case .resetPassword:
            let password = Secrets.temporaryPassword()
            isDone = try await store.setPassword(try await PasswordHasher().hash(password), of: account.id)
            text = password + "\n"
        case .disableMFA:
            isDone = try await store.removeSecondFactor(of: account.id)
            if !isDone, !account.isDeleted { throw Failure(description: "\(name): there is no second factor") }
        }
        guard isDone else { throw Failure(description: "\(name): the account is deleted") }
        return text
    }

    private func list(_ store: AdministrationStore) async throws -> String {
        var text = ""
        var last: Int64 = 0
        while true {
            let accounts = try await store.accounts(after: last, limit: Self.accountsAtOnce)
            for account in accounts {
                text += "\(account.id)\t\(account.username)\t\(account.email ?? "-")\t\(states(of: account))\n"
            }
            guard accounts.count == Self.accountsAtOnce, let end = accounts.last else { return text }
            last = end.id
        }
    }

    private func states(of account: AdministrationStore.Account) -> String {
        let states = [
            (account.ownerID != nil, "bot"), (account.isAdmin, "admin"), (account.hasSecondFactor, "mfa"),
            (account.isDeleted, "deleted"),
            (account.disabledAt != nil && !account.isDeleted, "disabled"),
        ]
        let names = states.filter(\.0).map(\.1)
        return names.isEmpty ? "-" : names.joined(separator: ",")
    }

    private func describe(_ account: AdministrationStore.Account) -> String {
        """
        id: \(account.id)
        username: \(account.username)
        display name: \(account.displayName)
        e-mail: \(account.email.map { $0 + (account.emailVerified ? " (verified)" : " (not verified)") } ?? "-")
        state: \(states(of: account))\(account.ownerID.map { "\nowner: \($0)" } ?? "")
        log-in sessions: \(account.sessions)

        """
    }

    static var usage: String {
        """
        usage: confab user list                    id, user name, e-mail address and state of all accounts, by tabs
               confab user show NAME
               confab user reset-password NAME     print a new password; all log-ins end
               confab user disable NAME            nobody logs in; all log-ins and connections end
               confab user enable NAME
               confab user admin NAME on|off       whether tokens have the scope admin
               confab user disable-mfa NAME        for who has lost authenticator and recovery codes; all log-ins end

        NAME is a user name, an e-mail address or an id. Flags, and their defaults:

        \(Place.flagList)
        Both can come from the environment, as for `confab serve`. The hub may run meanwhile, or not.
        Exit codes: 0 done, 1 failure, 64 wrong usage.

        """
    }
}
