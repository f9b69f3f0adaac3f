import Synchronization
import Testing
import Topics

@testable import Persistence

/// The stores on a fresh database, with a clock that only tests move, and users to act.
struct DomainFixture: Sendable {
    /// Hears of everything.
    final class Witness: CommitObserver, RevocationObserver, ReadObserver {
        private struct State {
            var entries: [LogEntry] = []
            var revoked: [Int64] = []
            var ended: [Int64] = []
            var receipts: [ReadReceipt] = []
        }

        private let state = Mutex(State())

        func hasRead(_ receipt: ReadReceipt) { state.withLock { $0.receipts.append(receipt) } }
        var receipts: [ReadReceipt] { state.withLock { $0.receipts } }
        var revoked: [Int64] { state.withLock { $0.revoked } }
        /// Users whose connections all end.
        var ended: [Int64] { state.withLock { $0.ended } }
        func userEnded(_ userID: Int64) { state.withLock { $0.ended.append(userID) } }
        func committed(_ entries: [LogEntry]) { state.withLock { $0.entries += entries } }
        func sessionRevoked(_ sessionID: Int64) { state.withLock { $0.revoked.append(sessionID) } }

        /// What came since the last call.
        func takeEntries() -> [LogEntry] {
            state.withLock { state in
                defer { state.entries = [] }
                return state.entries
            }
        }
    }

    final class ManualClock: Sendable {
        private let time = Atomic<Int64>(1_800_000_000_000)
        var milliseconds: Int64 { time.load(ordering: .relaxed) }
        func advance(milliseconds: Int64) { time.add(milliseconds, ordering: .relaxed) }
    }

    let database: Database
    let context: DomainContext
    let witness = Witness()
    let clock = ManualClock()

    var users: UserStore { UserStore(context: context) }
    var sessions: LoginSessionStore { LoginSessionStore(context: context) }
    var friends: FriendStore { FriendStore(context: context) }
    var groups: GroupStore { GroupStore(context: context) }
    var bots: BotStore { BotStore(context: context) }
    var botTokens: BotTokenStore { BotTokenStore(context: context) }
    var invites: InviteStore { InviteStore(context: context) }
    var directory: DirectoryStore { DirectoryStore(context: context) }
    var history: HistoryStore { HistoryStore(context: context) }
    var factors: SecondFactorStore { SecondFactorStore(context: context) }
    var accounts: AccountStore { AccountStore(context: context) }
    var mailedCodes: MailedCodeStore { MailedCodeStore(context: context) }
    var outbox: MailOutbox { MailOutbox(context: context) }
    var administration: AdministrationStore { AdministrationStore(database: database, now: context.now) }
    var conversations: ConversationStore { ConversationStore(context: context) }

    static func with(_ body: (DomainFixture) async throws -> Void) async throws {
        try await withURL { fixture, _ in try await body(fixture) }
    }

    /// With the database's connection string.
    static func withURL(_ body: (DomainFixture, String) async throws -> Void) async throws {
        try await TestDatabase.with { test in
            try await body(DomainFixture(database: test.database), test.url)
        }
    }

    private init(database: Database) {
        self.database = database
        let clock = clock
        context = DomainContext(
            database: database, ids: IDGenerator(node: 1) { clock.milliseconds }, observer: witness,
            revocations: witness, reads: witness, now: { clock.milliseconds })
    }

    /// Signs up a user.
    func user(_ name: String) async throws -> Int64 {
        let outcome = try await users.signUp(
            UserStore.NewAccount(
                username: name, email: "\(name)@example.org", passwordHash: "hash of \(name)", displayName: name),
            session: NewLoginSession(client: "test", address: "127.0.0.1", refreshHash: Array("\(name)0".utf8)))
        guard case .created(let profile, _) = outcome else {
            Issue.record("\(name): \(outcome)")
            throw DatabaseError.unavailable("no user")
        }
        return profile.user.id
    }

    func users(_ names: String...) async throws -> [Int64] {
        var ids: [Int64] = []
        for name in names { ids.append(try await user(name)) }
        return ids
    }

    func befriend(_ one: Int64, _ other: Int64) async throws {
        _ = try await friends.handle(.add, by: one, with: other)
        let answer = try await friends.handle(.accept, by: other, with: one)
        #expect(answer?.verdict == .friends)
    }

    func group(of owner: Int64, _ members: [Int64] = [], announcement: Bool = false) async throws -> Int64 {
        for member in members { try await befriend(owner, member) }
        let outcome = try await groups.create(
            name: "group", announcement: announcement, ownerID: owner, friendIDs: members)
        guard case .created(let group) = outcome else { throw DatabaseError.unavailable("no group") }
        _ = witness.takeEntries()
        return group.id
    }

    func conversation(_ group: Int64, of user: Int64) async throws -> Conversation? {
        try await conversations.conversations(of: user, after: .start, limit: 100).first { $0.topic == .group(group) }
    }

    /// Deletes what is below `seq`, as retention does.
    func trim(_ topic: StoredTopic, below seq: Int64) async throws {
        _ = try await LogTrimmer(database: database).trim(topic.id, below: seq, oldestID: 0)
    }

    /// Sends a message past all rights.
    @discardableResult
    func send(_ text: String, from sender: Int64, to topic: StoredTopic) async throws -> LogEntry {
        try await context.change { transaction in
            let entry = context.entry(in: topic, by: sender, .message) { body in
                body.name("text")
                body.string(text)
            }
            return Change(result: try await transaction.append([entry])[0])
        }
    }
}

extension LogEntry {
    /// `inbox/1 friend_removed 1 {"user_id":"2"}`: topic, kind, sender and body.
    var summary: String {
        let body = String(decoding: suffix.dropFirst(#","body":"#.utf8.count).dropLast(), as: UTF8.self)
        return "\(topic.address.name) \(kind.name) \(senderID) \(body)"
    }
}
