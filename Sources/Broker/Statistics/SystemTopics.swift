/// A value under `$SYS`, as it is delivered.
package struct SystemValue: Sendable, Equatable {
    var topic: [UInt8]
    var payload: [UInt8]
}

/// Makes the topics under `$SYS/broker` out of statistics, under mosquitto's names (protocol.md §1).
struct SystemTopics {
    /// What `load/…` tells of.
    private static let loads: [(name: String, counter: @Sendable (Statistics) -> Int)] = [
        ("messages/received", { $0.totals.packetsReceived }),
        ("messages/sent", { $0.totals.packetsSent }),
        ("publish/dropped", { Int(clamping: $0.dropped) }),
        ("publish/received", { $0.totals.publishesReceived }),
        ("publish/sent", { $0.totals.publishesSent }),
        ("bytes/received", { $0.totals.bytesReceived }),
        ("bytes/sent", { $0.totals.bytesSent }),
        ("sockets", { $0.totals.connectionsOpened }),
        ("connections", { $0.totals.connects }),
    ]

    private var averages = [LoadAverage](repeating: LoadAverage(), count: loads.count)

    /// - Parameter isSample: `Limits.statisticsMilliseconds` have passed since the last sample.
    mutating func values(of statistics: Statistics, isSample: Bool) -> [SystemValue] {
        var values = current(statistics)
        for (index, load) in Self.loads.enumerated() {
            if isSample { averages[index].sample(load.counter(statistics)) }
            for (period, value) in averages[index].values { values.append(("load/\(load.name)/\(period)", value)) }
        }
        return values.map {
            SystemValue(topic: Array("$SYS/broker/\($0.name)".utf8), payload: Array($0.value.utf8))
        }
    }

    private func current(_ statistics: Statistics) -> [(name: String, value: String)] {
        let totals = statistics.totals
        var values = [
            ("version", "confab version \(Hub.version)"),
            ("uptime", "\(statistics.uptimeSeconds) seconds"),
            ("clients/connected", "\(totals.clientsConnected)"),
            ("clients/maximum", "\(statistics.clientsMax)"),
            ("messages/received", "\(totals.packetsReceived)"),
            ("messages/sent", "\(totals.packetsSent)"),
            ("publish/messages/dropped", "\(statistics.dropped)"),
            ("publish/messages/received", "\(totals.publishesReceived)"),
            ("publish/messages/sent", "\(totals.publishesSent)"),
            ("publish/bytes/received", "\(totals.publishBytesReceived)"),
            ("publish/bytes/sent", "\(totals.publishBytesSent)"),
            ("bytes/received", "\(totals.bytesReceived)"),
            ("bytes/sent", "\(totals.bytesSent)"),
            ("subscriptions/count", "\(totals.subscriptions)"),
            ("shared_subscriptions/count", "\(totals.sharedSubscriptions)"),
        ]
        if let absent = statistics.sessionsAbsent {
            values.append(("clients/disconnected", "\(absent)"))
            values.append(("clients/total", "\(totals.clientsConnected + absent)"))
        }
        if let retained = statistics.retainedMessages { values.append(("retained messages/count", "\(retained)")) }
        return values
    }
}
