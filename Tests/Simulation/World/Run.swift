import Glibc
import Identity
import ShardSupport
import Topics

@testable import Persistence

/// One seed: a time of trouble, then peace in which everything must come right, and the checks.
final class Run {
    let world: World
    let profile: Profile
    let database: SimulatedDatabase
    let ledger: Ledger
    let tokens: TokenAuthority
    var hub: SimulatedHub
    var clients: [Client] = []
    /// Connections that their clients have given up.
    var remnants: [Remnant] = []
    /// Committed by others than the log writers, and not announced yet.
    var announcements: [[LogEntry]] = []
    /// Nobody connects any more.
    private var isOver = false
    /// The database stays away until then.
    private var outageEnds: Int64 = 0

    init(seed: UInt64, tokens: TokenAuthority, isTracing: Bool) {
        world = World(seed: seed, isTracing: isTracing)
        profile = Profile(&world.random)
        self.tokens = tokens
        database = SimulatedDatabase(world, profile)
        ledger = Ledger(world, database)
        let ids = IDGenerator(node: 1) { [world] in world.wall }
        for group in Tables.groups {
            for user in Tables.users { _ = database.tables.addMember(user, to: group, ids: ids) }
        }
        hub = SimulatedHub(world, database, ledger, tokens, profile)
        for index in 0..<profile.clientsCount {
            let plan = ClientPlan(&world.random)
            world.note("plan", index, 0, "\(index): \(plan)")
            clients.append(
                Client(world, ledger, database, index: index, plan, messagesMax: profile.messagesMax))
        }
    }

    /// - Returns: what went wrong; nil: nothing.
    func run() -> String? {
        for _ in 0..<profile.stepsCount where world.failure == nil { step() }
        if world.failure == nil { heal() }
        if world.failure == nil { settle() }
        if world.failure == nil { check() }
        if world.failure == nil { end() }
        close()
        return world.failure
    }

    // MARK: Trouble

    private func step() {
        world.step += 1
        world.now += Int64(world.random.below(4))
        fault()
        if world.random.happens(profile.eagerness) { catchUp() }
        switch world.random.below(100) {
        case 0..<25: act(world.random.below(clients.count))
        case 25..<45: transmit(world.random.below(clients.count))
        case 45..<60: read(world.random.below(clients.count), world.random.pick([1, 20, 200, 65_536]))
        case 60..<66: if Jobs.count > 0 { runJob(world.random.below(Jobs.count)) }
        case 66..<75: deliverSomeMail()
        case 75..<81: if !database.calls.isEmpty { database.stepCall() }
        case 81..<85: if !database.statements.isEmpty { database.stepStatement() }
        case 85..<91: _ = world.random.pick(hub.writers).step()
        case 91..<93: announce()
        case 93..<96: endRemnant()
        default: pass(Int64(world.random.pick([5, 50, 250])))
        }
        ledger.noteRefusals(hub.refusalsCount)
    }

    private func deliverSomeMail() {
        let shard = world.random.below(SimulatedHub.shardsCount)
        if !hub.reactors[shard].mail.isEmpty { hub.deliverMail(to: shard, world.random.pick([1, 3, .max])) }
    }

    func runJob(_ index: Int) {
        world.note("job", index, Jobs.count)
        Jobs.run(index)
    }

    func pass(_ milliseconds: Int64) {
        world.now += milliseconds
        world.note("time", Int(milliseconds), 0, "+\(milliseconds)")
        if !database.isUp, world.now >= outageEnds { database.rise() }
        hub.advance()
    }

    private func fault() {
        let random = world.random.below(1_000)
        if random < profile.cuts, let client = connectedClient() { cut(client, isInOrder: false) }
        if world.random.happens(profile.disconnects), let client = connectedClient() { disconnect(client) }
        if world.random.happens(profile.takeovers), let client = connectedClient() {
            abandon(client, isInOrder: false)
            connect(client)
        }
        if world.random.happens(profile.readingStops), let client = connectedClient() {
            client.link!.isReading.toggle()
            world.note("reads", client.index, client.link!.isReading ? 1 : 0)
        }
        if database.isUp, world.random.happens(profile.outages) {
            outageEnds = world.now + Int64(world.random.pick([10, 500, 40_000]))
            database.fall()
        }
        if world.random.happens(profile.statementHangs) { world.random.pick(hub.writers).breakConnection() }
        if world.random.happens(profile.crashes) { crash() }
        if world.random.happens(profile.rightsChanges) { changeRights() }
        if world.random.happens(profile.outsideEntries) { commitOutside() }
        if database.isUp, world.random.happens(profile.purges) {
            world.note("purge", database.tables.purge())
        }
        if world.random.happens(profile.jumps) { pass(Int64(world.random.pick([1_000, 3_000, 40_000]))) }
    }

    private func connectedClient() -> Client? {
        let client = world.random.pick(clients)
        return client.link == nil ? nil : client
    }

    // MARK: Peace

    private func heal() {
        world.note("healed")
        world.isHealed = true
        database.rise()
        for client in clients { client.link?.isReading = true }
        // Readers that did not hear of what a crash left unannounced hear of it by the next entry.
        for topic in database.tables.logs.values.map(\.topic).sorted(by: { $0.id < $1.id }) {
            if case .filterLog = topic.address { continue }
            announcements.append([outsideEntry(topic)])
        }
    }

    /// Everything goes on until nothing is left to be done. What takes too long will never be.
    private func settle() {
        let deadline = world.now + 300_000
        for _ in 0..<50_000 where world.failure == nil {
            world.step += 1
            var isQuiet = !work()
            isQuiet = isQuiet && clients.allSatisfy { $0.isQuiet && $0.missing == nil }
            isQuiet = isQuiet && hub.log.budget.entriesCount == 0
            if isQuiet { return }
            guard world.now < deadline else { return world.fail("it does not end: \(unfinished)") }
        }
        world.fail("it never rests: \(unfinished)")
    }

    private var unfinished: String {
        let missing = clients.compactMap(\.missing)
        let busy = clients.filter { !$0.isQuiet }.map { client in
            "\(client.name) \(client.phase) outgoing \(client.outgoing) unsent \(client.unsent) answers \(client.answers) received \(client.received.keys)"
        }
        let queued = hub.log.budget.entriesCount
        return (missing + busy + (queued > 0 ? ["\(queued) entries are queued"] : [])).joined(separator: "; ")
    }

    /// Does all that can be done now, or lets time pass.
    /// - Returns: whether there was something to be done.
    private func work() -> Bool {
        var isBusy = false
        for index in clients.indices {
            if !isOver { act(index) }
            isBusy = transmit(index) || isBusy
            isBusy = read(index, 65_536) || isBusy
        }
        while !remnants.isEmpty { endRemnant() }
        while !announcements.isEmpty { announce() }
        isBusy = catchUp() || isBusy
        pass(isBusy ? 1 : 250)
        return isBusy
    }

    /// The hub and the database do one after the other what they were asked to do up to now.
    @discardableResult private func catchUp() -> Bool {
        var isBusy = false
        for _ in 0..<Jobs.count {
            runJob(0)
            isBusy = true
        }
        for _ in database.calls {
            database.stepCall()
            isBusy = true
        }
        for _ in database.statements {
            database.stepStatement()
            isBusy = true
        }
        for writer in hub.writers { isBusy = writer.step() || isBusy }
        for shard in 0..<SimulatedHub.shardsCount {
            if !hub.reactors[shard].mail.isEmpty || hub.reactors[shard].machine.isBusy {
                hub.deliverMail(to: shard)
                isBusy = true
            }
        }
        return isBusy
    }

    // MARK: Checks

    private func check() {
        ledger.check()
    }

    /// All go, and the hub holds nothing any more.
    private func end() {
        isOver = true
        for client in clients where client.link != nil { disconnect(client) }
        for _ in 0..<1_000 where world.failure == nil {
            world.step += 1
            if !work(), world.now > 0, hub.reactors.allSatisfy({ $0.machine.leftovers.isEmpty }) { return }
        }
        for reactor in hub.reactors {
            world.expect(reactor.machine.leftovers.isEmpty, "the hub holds on to \(reactor.machine.leftovers)")
        }
    }

    private func close() {
        hub.kill()
        database.forgetHub()
        while Jobs.count > 0 { Jobs.run(0) }
        for client in clients { if let link = client.link { Glibc.close(link.socket) } }
        for remnant in remnants where remnant.isOpen { Glibc.close(remnant.link.socket) }
    }

    func crash() {
        world.note("crash")
        hub.kill()
        database.forgetHub()
        while Jobs.count > 0 { Jobs.run(0) }
        for entries in announcements { database.tables.noteTold(entries, step: world.step) }
        announcements = []
        world.now += 1_000
        hub = SimulatedHub(world, database, ledger, tokens, profile)
    }
}
