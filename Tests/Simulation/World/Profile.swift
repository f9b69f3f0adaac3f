/// What a seed's run is like. Most faults are absent from most runs: some mistakes show only where others do not get in the way.
struct Profile {
    var clientsCount: Int
    /// Until everything is healed.
    var stepsCount: Int
    /// How often the hub and its database catch up with all that was asked of them.
    var eagerness: Int
    var messagesMax: Int
    /// Bytes that a socket holds for a client that does not read; 0: what the system takes.
    var socketBytes: Int
    /// Output of a connection from which on it is congested.
    var highWaterBytes: Int
    var batchEntriesMax: Int
    var queueEntriesMax: Int
    var unavailableAfterMilliseconds: Int64

    // How often, of 1,000 steps or of 1,000 chances.
    var cuts: Int
    var takeovers: Int
    var disconnects: Int
    var readingStops: Int
    var outages: Int
    var crashes: Int
    var callFailures: Int
    var lostAnswers: Int
    var statementRefusals: Int
    var statementHangs: Int
    var rightsChanges: Int
    var outsideEntries: Int
    var purges: Int
    /// Jumps of the clock by seconds.
    var jumps: Int

    init(_ random: inout Random) {
        clientsCount = random.number(in: 2...6)
        stepsCount = random.pick([300, 1_000, 1_000, 3_000])
        eagerness = random.pick([0, 20, 100, 400])
        messagesMax = random.pick([3, 8, 8, 20])
        socketBytes = random.pick([0, 0, 1, 4_608])
        highWaterBytes = random.pick([1 << 20, 1 << 20, 1_000])
        batchEntriesMax = random.pick([512, 512, 3, 1])
        queueEntriesMax = random.pick([65_536, 65_536, 60])
        unavailableAfterMilliseconds = random.pick([30_000, 3_000])
        func rate(_ values: [Int]) -> Int { random.happens(500) ? 0 : random.pick(values) }
        cuts = rate([2, 6, 20])
        takeovers = rate([2, 6])
        disconnects = rate([2, 6])
        readingStops = rate([3, 20])
        outages = rate([1, 4])
        crashes = rate([1, 3])
        callFailures = rate([5, 30])
        lostAnswers = rate([5, 30])
        statementRefusals = rate([10, 60])
        statementHangs = rate([10, 60])
        rightsChanges = rate([3, 10])
        outsideEntries = rate([3, 20])
        purges = rate([2, 10])
        jumps = rate([1, 5])
    }
}
