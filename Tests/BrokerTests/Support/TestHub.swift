import Diagnostics
import Glibc
import Identity
import Persistence
import Synchronization
import Transport

@testable import Broker

/// A whole broker without PostgreSQL: a shard on each of several reactors, each with a port of its own on loopback.
final class TestHub: Sendable {
    let hub: Hub
    let log: TestLog
    let sessions: TestSessions
    let filterLogs: TestFilterLogs
    let wills: TestWills
    let rights = TestRights()
    let reads: TestReads
    let unread: TestUnread
    let subjects = TestSubjects()
    let clock = Clock()
    let retained = TestRetained()
    let mailroom: Mailroom
    /// By shard.
    let ports: [UInt16]
    let observed = Observed()
    private let mailboxes: [Mailbox<TestHandler.Mail>]

    static let authority: TokenAuthority = {
        var path = Array("/tmp/confab-broker-XXXXXX".utf8CString)
        precondition(mkdtemp(&path) != nil)
        let directory = String(decoding: path.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
        do {
            return try TokenAuthority(directory: directory, issuer: "https://hub.test")
        } catch {
            fatalError("\(error)")
        }
    }()

    /// - Parameters:
    ///   - earlier: a hub that has crashed: what it has stored is there.
    ///   - wills: what an earlier hub has left.
    init(
        shards: Int = 1, after earlier: TestHub? = nil, wills: TestWills = TestWills(),
        keepAliveSecondsMax: UInt16 = Limits.keepAliveSecondsMax, limits: RateLimits = .off,
        fanoutStep: Int = Limits.fanoutStep,
        wallMilliseconds: (@Sendable () -> Int64)? = nil
    ) throws {
        self.wills = wills
        let mailboxes = try (0..<shards).map { _ in try Mailbox<TestHandler.Mail>() }
        self.mailboxes = mailboxes
        mailroom = Mailroom(shardCount: shards) { mailboxes[$1].post(.shard($0)) }
        log = TestLog(mailroom: mailroom, after: earlier?.log)
        reads = TestReads(mailroom: mailroom) { [log] in log.end(of: $0) }
        unread = TestUnread(log: log)
        filterLogs = TestFilterLogs(log: log, after: earlier?.filterLogs)
        let sessions = TestSessions(logs: filterLogs, after: earlier?.sessions)
        self.sessions = sessions
        wills.hasSession.withLock { $0 = { key in sessions.all.contains { $0.key == key } } }
        var settings = Hub.Settings(
            allowsAnonymous: true, hasAnonymousSessions: false, hasRetained: false, filterLogs: filterLogs.all(sessions)
        )
        settings.keepAliveSecondsMax = keepAliveSecondsMax
        settings.limits = limits
        settings.fanoutStep = fanoutStep
        hub = Hub(
            services: HubServices(
                log: log, sessions: sessions, filterLogs: filterLogs, wills: wills, retained: retained, rights: rights,
                logins: rights, reads: reads, unread: unread,
                tokens: TokenVerifier(own: Self.authority, outside: TestIssuer.all),
                outsiders: OutsideUsers(source: subjects), ids: IDGenerator(node: 0) { [clock] in clock.milliseconds },
                logger: Logger(minimum: .error),
                wallMilliseconds: wallMilliseconds ?? { [clock] in clock.milliseconds }),
            settings: settings, mailroom: mailroom)
        var ports: [UInt16] = []
        for index in 0..<shards {
            let listener = try Listener(Listener.Specification(tag: 1, address: "127.0.0.1", port: 0, isTLS: false))
            ports.append(listener.port)
            let mailbox = mailboxes[index], hub = hub, observed = observed
            startThread {
                do {
                    var reactor = try Reactor(
                        handler: TestHandler(shard: Shard(index: index, hub: hub), observed: observed),
                        listeners: [listener], mailbox: mailbox, tls: nil, logger: Logger(minimum: .error))
                    reactor.run()
                } catch {
                    fatalError("\(error)")
                }
            }
        }
        self.ports = ports
    }

    deinit { for mailbox in mailboxes { mailbox.post(.stop) } }

    /// Returns when the shard has handled all mail that was posted before.
    func settle(_ shard: Int = 0) throws {
        let flag = Flag()
        mailboxes[shard].post(.call(flag))
        try waitUntil("the shard handles its mail") { flag.isSet }
    }

    static func token(
        _ user: Int64, session: Int64? = nil, acl: AccessList? = nil, scope: String = "user"
    ) -> [UInt8] {
        Array(
            authority.mint(
                userID: user, sessionID: session, scopes: Scopes(names: scope), acl: acl,
                now: SystemClock.wallMilliseconds() / 1000
            ).utf8)
    }

    /// The wall clock, which tests put forward.
    final class Clock: Sendable {
        private let ahead = Atomic<Int64>(0)
        var milliseconds: Int64 { SystemClock.wallMilliseconds() + ahead.load(ordering: .acquiring) }
        func advance(seconds: Int64) { ahead.add(seconds * 1000, ordering: .acquiringAndReleasing) }
    }

    final class Flag: Sendable {
        private let value = Atomic<Bool>(false)
        var isSet: Bool { value.load(ordering: .acquiring) }
        func set() { value.store(true, ordering: .releasing) }
    }

    /// What tests want to know of the reactors.
    final class Observed: Sendable {
        let queuedBytesMax = Atomic<Int>(0)
        let pauses = Atomic<Int>(0)
        /// The shard that stands still before it looks at what it has received; -1: none.
        let heldShard = Atomic<Int>(-1)
        let isHeld = Flag()
    }
}

/// Brings events to a shard, as `Worker` does in the product.
struct TestHandler: ~Copyable, ConnectionHandler {
    enum Mail: Sendable {
        case shard(ShardMail)
        case call(TestHub.Flag)
        case stop
    }

    private var shard: Shard
    private let observed: TestHub.Observed

    init(shard: consuming Shard, observed: TestHub.Observed) {
        self.shard = shard
        self.observed = observed
    }

    mutating func opened(_ id: ConnectionID, listener: UInt8, peer: PeerAddress, io: inout Connections) {
        shard.opened(id, peer: peer, io: &io)
    }

    mutating func received(_ id: ConnectionID, _ bytes: Span<UInt8>, io: inout Connections) -> Int {
        while observed.heldShard.load(ordering: .acquiring) == shard.index {
            observed.isHeld.set()
            sched_yield()
        }
        let used = shard.received(id, bytes, io: &io)
        observed.queuedBytesMax.max(io.queuedBytes(id.slot), ordering: .relaxed)
        if io.isReadingPaused(id.slot) { observed.pauses.add(1, ordering: .releasing) }
        return used
    }

    mutating func closed(_ id: ConnectionID, io: inout Connections) { shard.closed(id, io: &io) }
    mutating func deadlineReached(_ id: ConnectionID, io: inout Connections) { shard.deadlineReached(id, io: &io) }
    mutating func drained(_ id: ConnectionID, io: inout Connections) { shard.drained(id, io: &io) }

    mutating func mail(_ mail: [Mail], io: inout Connections) {
        for item in mail {
            switch item {
            case .shard(let mail): shard.mail(mail, io: &io)
            case .call(let flag): flag.set()
            case .stop: io.stop()
            }
        }
    }

    mutating func tick(io: inout Connections) { shard.tick(io: &io) }
    mutating func turnEnded(io: inout Connections) { shard.turnEnded(io: &io) }
}
