import Diagnostics
import Glibc
import Identity
import Synchronization
import Topics

@testable import Broker
@testable import Persistence

/// What stands around a shard, in memory: a log whose entries are committed when the input says so, sessions, rights that follow the log,
/// clocks. The services are named here and nowhere else.
final class World: Sendable {
    struct State {
        /// Unix milliseconds; it begins at this moment for every input, so that the tokens hold.
        var wall = World.start
        var mail: [ShardMail] = []
        var members: [Int64: [Int64: GroupRole]] = [10: [1: .member, 2: .member], 11: [1: .owner, 2: .member]]
        var announcements: Set<Int64> = [11]
        var joined: [Int64: Int64] = [:]
        var areFriends = true
        /// The first and the last seq of each log.
        var firsts: [Int64: Int64] = [:]
        var ends: [Int64: Int64] = [:]
    }

    static let start: Int64 = 1_800_000_000_000
    static let direct = StoredTopic(id: 100, address: .direct(low: 1, high: 2))
    static let topics = [.testGroup(10), .testGroup(11), direct, .testInbox(1), .testInbox(2)]
    let state = Mutex(State())
    private let sessions: TestSessions
    private let filterLogs: TestFilterLogs
    private let wills = TestWills(), retained = TestRetained()
    let log: TestLog
    let mailroom: Mailroom

    init() {
        let mail = Post()
        mailroom = Mailroom(shardCount: 1) { letter, _ in mail.post(letter) }
        log = TestLog(mailroom: mailroom)
        filterLogs = TestFilterLogs(log: log)
        sessions = TestSessions(logs: filterLogs)
        log.hold()
        mail.world = self
    }

    /// The mailroom is made before the world that keeps its mail.
    private final class Post: @unchecked Sendable {
        weak var world: World?
        func post(_ letter: ShardMail) { world?.state.withLock { $0.mail.append(letter) } }
    }

    func makeHub() -> Hub {
        Hub(
            services: HubServices(
                log: log, sessions: sessions, filterLogs: filterLogs, wills: wills, retained: retained, rights: self,
                logins: self, reads: self, unread: self, tokens: TokenVerifier(own: Self.authority),
                outsiders: OutsideUsers(source: TestSubjects()),
                ids: IDGenerator(node: 0) { [weak self] in self?.wall ?? 0 }, logger: Logger(minimum: .error),
                wallMilliseconds: { [weak self] in self?.wall ?? 0 }),
            settings: Hub.Settings(allowsAnonymous: true, hasAnonymousSessions: false, hasRetained: true),
            mailroom: mailroom)
    }

    var wall: Int64 { state.withLock { $0.wall } }

    // MARK: Tokens

    private static let authority: TokenAuthority = {
        do {
            return try TokenAuthority(directory: "/tmp/confab-fuzz-\(getuid())", issuer: "https://hub.test")
        } catch {
            fatalError("\(error)")
        }
    }()

    /// Of users 1 and 2; 3 has an account, but rights to nothing.
    static let tokens: [[UInt8]] = (1...3 as ClosedRange<Int64>).map { user in
        let token = authority.mint(
            userID: user, sessionID: nil, scopes: Scopes(names: "user"),
            acl: AccessList(publish: [], subscribe: [], all: ["#"], deny: ["secret/#"]), now: start / 1000)
        return Array(token.utf8)
    }

    // MARK: Log

    /// The group has ended.
    func isGone(_ topic: StoredTopic) -> Bool {
        guard case .group(let group) = topic.address else { return false }
        return state.withLock { $0.members[group] == nil }
    }

    /// Commits what waits; its announcement and its outcome follow by `TestLog.finish`.
    func store(_ held: TestLog.Held) -> LogEntry {
        let entry = log.store(held.append)
        state.withLock { $0.ends[entry.topic.id] = entry.seq }
        return entry
    }

    /// Retention deletes the beginning of a log, of which that many entries or fewer are left.
    func trim(_ choice: Int, to count: Int64) {
        let logs = Self.topics + filterLogs.all(sessions).map(\.topic)
        let topic = logs[choice % logs.count]
        let first = state.withLock { state in
            let first = max(state.firsts[topic.id] ?? 1, (state.ends[topic.id] ?? 0) + 1 - count)
            state.firsts[topic.id] = first
            return first
        }
        log.remove(topic, upTo: first - 1)
        if topic.address != .filterLog(topic.id) { mailroom.trimmed(topic.id, firstSeq: first) }
    }

    /// An entry from outside of the broker, which may change rights: those of PostgreSQL change in the same commit.
    func store(_ topic: StoredTopic, _ change: RightsChange?) -> LogEntry {
        let entry = log.store(topic, "x", from: 3, change)
        state.withLock { state in
            state.ends[topic.id] = entry.seq
            switch change {
            case .memberAdded(let user, let role, _, _):
                state.members[topic.id, default: [:]][user] = role
                state.joined[topic.id] = entry.seq
            case .memberRemoved(let user): state.members[topic.id]?[user] = nil
            case .roleChanged(let user, let role): state.members[topic.id]?[user] = role
            case .announcementChanged(let isOn):
                if isOn { state.announcements.insert(topic.id) } else { state.announcements.remove(topic.id) }
            case .groupEnded: state.members[topic.id] = nil
            case .friendAdded: state.areFriends = true
            case .friendRemoved: state.areFriends = false
            case nil: break
            }
        }
        return entry
    }
}

extension World: RightsSource, LoginSource {
    func loadRights(userID: Int64) async throws(DatabaseError) -> UserRights? {
        state.withLock { state in
            let groups = state.members.compactMap { id, members in
                members[userID].map { role in
                    UserRights.Group(
                        groupID: id, role: role, announcement: state.announcements.contains(id),
                        lastSeq: state.ends[id] ?? 0, joinedSeq: state.joined[id] ?? 1,
                        memberCount: Int64(members.count), firstSeq: state.firsts[id] ?? 1)
                }
            }
            let direct = UserRights.Direct(
                otherID: 3 - userID, topicID: Self.direct.id, lastSeq: state.ends[Self.direct.id] ?? 0,
                writable: state.areFriends, firstSeq: state.firsts[Self.direct.id] ?? 1)
            return UserRights(
                userID: userID, username: "user\(userID)", isEnabled: true,
                inboxLastSeq: state.ends[userID] ?? 0, inboxFirstSeq: state.firsts[userID] ?? 1,
                groups: groups.sorted { $0.groupID < $1.groupID },
                directs: userID < 3 ? [direct] : [])
        }
    }

    func memberCount(of group: Int64) async throws(DatabaseError) -> (members: Int, seq: Int64)? {
        state.withLock { state in
            state.members[group].map { (members: $0.count, seq: state.ends[group] ?? 0) }
        }
    }

    func topic(at address: TopicAddress) async throws(DatabaseError) -> FoundTopic? { nil }

    func admit(userID: Int64, sessionID: Int64, accessExpiresAt: Int64) async throws(DatabaseError) -> Bool { true }

    func admit(userID: Int64, botTokenID: Int64) async throws(DatabaseError) -> Bool { true }
}

/// Signals, which no expectation is about.
extension World: ReadMarkSource, UnreadSource {
    func markRead(_ topic: StoredTopic, upTo seq: Int64, by userID: Int64) async throws(DatabaseError) {}
    func noteLastSeen(_ userID: Int64, at milliseconds: Int64) async throws(DatabaseError) {}
    func lastSeen(of users: [Int64]) async throws(DatabaseError) -> [Int64: Int64] { [:] }
    func unread(of userID: Int64, limit: Int) async throws(DatabaseError) -> [UnreadConversation] { [] }
    func unread(_ pairs: [(userID: Int64, topicID: Int64)]) async throws(DatabaseError) -> [UnreadConversation] { [] }
}
