import Broker

/// The hub's numbers in Prometheus' text format (https://prometheus.io/docs/instrumenting/exposition_formats/).
struct MetricsPage {
    private enum Kind: String {
        case counter, gauge
    }

    private(set) var text = ""

    init(_ statistics: Statistics) {
        addTraffic(statistics)
        add("clients_connected", .gauge, "Clients that are connected.", statistics.totals.clientsConnected)
        add("clients_connected_max", .gauge, "The most clients that were connected at once.", statistics.clientsMax)
        add(
            "sessions_absent", .gauge, "Persistent sessions whose client is not connected.", statistics.sessionsAbsent)
        add("subscriptions", .gauge, "Subscriptions of connected clients.", statistics.totals.subscriptions)
        add(
            "shared_subscriptions", .gauge, "Those of them that are shared.", statistics.totals.sharedSubscriptions)
        add("retained_messages", .gauge, "Retained messages.", statistics.retainedMessages)
        add("uptime_seconds", .gauge, "Seconds since the start.", Int(statistics.uptimeSeconds))
    }

    private mutating func addTraffic(_ statistics: Statistics) {
        let totals = statistics.totals
        add(
            "dropped_deliveries_total", .counter,
            "Deliveries on plain topics that a slow subscriber lost.", Int(clamping: statistics.dropped))
        add(
            "lost_messages_total", .counter,
            "Messages on plain topics that retention deleted before all persistent sessions had them.",
            Int(clamping: statistics.lost))
        add(
            "refused_publishes_total", .counter, "Publishes that were refused.", Int(clamping: statistics.refused))
        add(
            "throttled_publishers_total", .counter,
            "Times that a connection was read no further as its user published faster than --limits allows.",
            Int(clamping: statistics.throttled))
        add(
            "refused_connections_total", .counter, "CONNECTs for which --limits allowed no further connection.",
            Int(clamping: statistics.turnedAway))
        add("packets_received_total", .counter, "MQTT packets that were received.", totals.packetsReceived)
        add("packets_sent_total", .counter, "MQTT packets that were sent.", totals.packetsSent)
        add("bytes_received_total", .counter, "Bytes of the packets that were received.", totals.bytesReceived)
        add("bytes_sent_total", .counter, "Bytes of the packets that were sent.", totals.bytesSent)
        add("publishes_received_total", .counter, "PUBLISH packets that were received.", totals.publishesReceived)
        add("publishes_sent_total", .counter, "PUBLISH packets that were sent.", totals.publishesSent)
        add(
            "publish_bytes_received_total", .counter, "Bytes of the PUBLISH packets that were received.",
            totals.publishBytesReceived)
        add(
            "publish_bytes_sent_total", .counter, "Bytes of the PUBLISH packets that were sent.",
            totals.publishBytesSent)
        add("connections_opened_total", .counter, "Connections for MQTT that were accepted.", totals.connectionsOpened)
        add("connects_total", .counter, "CONNECT packets that were received.", totals.connects)
    }

    /// - Parameter value: nil: not known, and left out.
    private mutating func add(_ name: String, _ kind: Kind, _ help: String, _ value: Int?) {
        guard let value else { return }
        text += "# HELP confab_\(name) \(help)\n# TYPE confab_\(name) \(kind.rawValue)\nconfab_\(name) \(value)\n"
    }
}
