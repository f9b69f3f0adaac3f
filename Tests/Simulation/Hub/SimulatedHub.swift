import Broker
import Diagnostics
import Identity
import ShardSupport
import Transport

@testable import Persistence

/// A hub from its start to its crash: shards with their mailboxes, and log writers.
final class SimulatedHub: @unchecked Sendable {
    /// A shard and what was posted to it.
    final class Reactor {
        var machine: ShardMachine
        var mail: [ShardMail] = []
        /// The step of the simulation at which it had last handled all its mail.
        var informedStep: Int

        init(_ machine: consuming ShardMachine, step: Int) {
            self.machine = machine
            informedStep = step
        }
    }

    /// What is posted before the shards are there, and to whom.
    private final class Post: @unchecked Sendable {
        weak var hub: SimulatedHub?
    }

    static let shardsCount = 2

    let life: Int
    let ids: IDGenerator
    let log: LogWriter
    let mailroom: Mailroom
    private(set) var reactors: [Reactor] = []
    private(set) var writers: [SimulatedWriter] = []
    private let world: World
    private let hub: Hub
    private var isAlive = true

    init(
        _ world: World, _ database: SimulatedDatabase, _ ledger: Ledger, _ tokens: TokenAuthority, _ profile: Profile
    ) {
        self.world = world
        life = database.life
        let post = Post()
        mailroom = Mailroom(shardCount: Self.shardsCount) { mail, shard in post.hub?.post(mail, to: shard) }
        ids = IDGenerator(node: 0) { [world] in world.wall }
        var limits = LogWriter.Limits()
        limits.batchEntriesMax = profile.batchEntriesMax
        limits.queueEntriesMax = profile.queueEntriesMax
        limits.unavailableAfterMilliseconds = profile.unavailableAfterMilliseconds
        log = LogWriter(
            url: "", database: Database(url: ""), limits: limits, commits: mailroom, outcomes: mailroom)
        writers = log.writers.map { SimulatedWriter(world, database, ledger, $0, limits) }
        let stores = Stores(database: database, life: life)
        database.endOrphans()
        database.tables.endConnections(now: world.wall)
        var settings = Hub.Settings(
            allowsAnonymous: true,
            hasAnonymousSessions: database.tables.sessions.values.contains { $0.user == 0 }, hasRetained: false,
            filterLogs: database.tables.allFilterLogs())
        // Every entry with more than one subscriber takes several turns.
        settings.fanoutStep = 1
        let hub = Hub(
            services: HubServices(
                log: SimulatedLog(writer: log, stores: stores, ledger: ledger), sessions: stores, filterLogs: stores,
                wills: stores,
                retained: stores, rights: stores, logins: stores, reads: stores, unread: stores,
                tokens: TokenVerifier(own: tokens), outsiders: OutsideUsers(source: stores), ids: ids,
                logger: Logger(minimum: .debug) { [world] line in world.note("log", 0, 0, String(line.dropFirst(25))) },
                wallMilliseconds: { [world] in world.wall }),
            settings: settings, mailroom: mailroom)
        self.hub = hub
        for index in 0..<Self.shardsCount {
            let reactor = Reactor(
                ShardMachine(Shard(index: index, hub: hub, seed: world.seed), now: world.now), step: world.step)
            reactor.machine.setHighWater(profile.highWaterBytes)
            reactors.append(reactor)
        }
        post.hub = self
    }

    /// Publishes that were refused.
    var refusalsCount: UInt64 { hub.metrics.refused.current }

    private func post(_ mail: ShardMail, to shard: Int) { if isAlive { reactors[shard].mail.append(mail) } }

    /// Handles so much of what was posted to a shard, and ends the turn.
    func deliverMail(to shard: Int, _ count: Int = .max) {
        let reactor = reactors[shard]
        let mail = Array(reactor.mail.prefix(count))
        reactor.mail.removeFirst(mail.count)
        world.note("mail", shard, mail.count)
        for letter in mail { reactor.machine.deliver(letter) }
        if reactor.mail.isEmpty { reactor.informedStep = world.step }
        reactor.machine.endTurn()
    }

    /// Bytes of a client come in. As in a reactor, what was posted before is handled before.
    func receive(_ bytes: [UInt8], on id: ConnectionID, shard: Int) {
        if !reactors[shard].mail.isEmpty { deliverMail(to: shard) }
        reactors[shard].machine.receive(bytes, on: id)
        reactors[shard].machine.endTurn()
    }

    func advance() {
        for reactor in reactors {
            reactor.machine.advance(to: world.now)
            reactor.machine.endTurn()
        }
    }

    /// The process is gone: what it had in memory is no more.
    func kill() {
        isAlive = false
        for writer in writers { writer.kill() }
        for reactor in reactors { reactor.machine.kill() }
        // What still runs finds neither database nor mailboxes.
        while Jobs.count > 0 { Jobs.run(0) }
    }
}
