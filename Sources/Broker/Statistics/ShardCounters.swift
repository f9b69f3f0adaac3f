/// What one shard has counted since the start, and what it holds now. Plain integers of the shard's thread; others see them on the
/// `StatisticsBoard`.
package struct ShardCounters: Sendable, Equatable {
    /// MQTT packets of every type.
    package var packetsReceived = 0
    package var packetsSent = 0
    package var bytesReceived = 0
    package var bytesSent = 0
    /// PUBLISH packets, and their bytes.
    package var publishesReceived = 0
    package var publishesSent = 0
    package var publishBytesReceived = 0
    package var publishBytesSent = 0
    /// Connections for MQTT, and CONNECT packets on them.
    package var connectionsOpened = 0
    package var connects = 0

    package var clientsConnected = 0
    /// Of connected clients, shared ones included; counted every `Limits.statisticsMilliseconds`.
    package var subscriptions = 0
    package var sharedSubscriptions = 0

    package init() {}

    static func += (total: inout ShardCounters, one: ShardCounters) {
        total.packetsReceived += one.packetsReceived
        total.packetsSent += one.packetsSent
        total.bytesReceived += one.bytesReceived
        total.bytesSent += one.bytesSent
        total.publishesReceived += one.publishesReceived
        total.publishesSent += one.publishesSent
        total.publishBytesReceived += one.publishBytesReceived
        total.publishBytesSent += one.publishBytesSent
        total.connectionsOpened += one.connectionsOpened
        total.connects += one.connects
        total.clientsConnected += one.clientsConnected
        total.subscriptions += one.subscriptions
        total.sharedSubscriptions += one.sharedSubscriptions
    }
}
