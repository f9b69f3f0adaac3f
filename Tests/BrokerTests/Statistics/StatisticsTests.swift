import Testing

@testable import Broker

@Suite struct StatisticsTests {
    /// What the averages say after so many samples of 10 s in which 100 things happened each.
    @Test(arguments: [
        (0, ["0.00", "0.00", "0.00"]), (1, ["92.11", "19.67", "6.63"]), (6, ["379.27", "108.76", "38.70"]),
        (10_000, ["600.00", "600.00", "600.00"]),
    ])
    func loadAverage(samples: Int, expected: [String]) {
        var load = LoadAverage()
        for sample in 0..<samples { load.sample((sample + 1) * 100) }
        #expect(load.values.map(\.name) == ["1min", "5min", "15min"])
        #expect(load.values.map(\.value) == expected)
    }

    @Test func boardAddsUpShards() {
        let board = StatisticsBoard(shardCount: 2, now: 5_000)
        var counters = ShardCounters()
        counters.clientsConnected = 3
        counters.packetsSent = 10
        board.post(counters, of: 0)
        board.post(counters, of: 1)
        counters.clientsConnected = 1
        board.post(counters, of: 0)
        let statistics = board.statistics(now: 7_999)
        #expect(statistics.totals.clientsConnected == 4 && statistics.totals.packetsSent == 20)
        #expect(statistics.clientsMax == 6 && statistics.uptimeSeconds == 2)
        #expect(statistics.sessionsAbsent == nil && statistics.retainedMessages == nil)
    }

    /// One count at a time, and after a slow one a long pause.
    @Test func countInDatabase() {
        let board = StatisticsBoard(shardCount: 1, now: 0)
        #expect(board.beginCount(now: 1_000))
        #expect(!board.beginCount(now: 2_000))
        board.endCount(sessionsAbsent: 7, retainedMessages: 9, startedAt: 1_000, now: 3_000)
        #expect(board.statistics(now: 0).sessionsAbsent == 7 && board.statistics(now: 0).retainedMessages == 9)
        #expect(!board.beginCount(now: 202_999))
        #expect(board.beginCount(now: 203_000))
        board.endCount(sessionsAbsent: nil, retainedMessages: nil, startedAt: 203_000, now: 203_000)
        #expect(board.statistics(now: 0).sessionsAbsent == 7, "what failed says nothing")
    }

    @Test func topicsHaveMosquittosNames() {
        var statistics = Statistics()
        statistics.uptimeSeconds = 61
        statistics.totals.clientsConnected = 2
        var topics = SystemTopics()
        func values(isSample: Bool = false) -> [String: String] {
            let values = topics.values(of: statistics, isSample: isSample).map {
                (String(decoding: $0.topic, as: UTF8.self), String(decoding: $0.payload, as: UTF8.self))
            }
            #expect(Set(values.map(\.0)).count == values.count)
            return Dictionary(values) { first, _ in first }
        }
        #expect(values()["$SYS/broker/uptime"] == "61 seconds")
        #expect(values()["$SYS/broker/clients/connected"] == "2")
        // What is not known is left out.
        #expect(values()["$SYS/broker/clients/total"] == nil && values()["$SYS/broker/retained messages/count"] == nil)
        statistics.sessionsAbsent = 5
        statistics.retainedMessages = 3
        statistics.totals.publishesSent = 100
        #expect(values()["$SYS/broker/clients/total"] == "7")
        #expect(values()["$SYS/broker/retained messages/count"] == "3")
        #expect(values()["$SYS/broker/load/publish/sent/1min"] == "0.00")
        #expect(values(isSample: true)["$SYS/broker/load/publish/sent/1min"] == "92.11")
    }
}
