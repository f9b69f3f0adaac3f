/// The first packet of a connection (MQTT 5 §3.1, 3.1.1 §3.1); owned copies, since it outlives the read buffer.
package struct Connect: Equatable, Sendable {
    package var version: ProtocolVersion
    /// Clean Start; what 3.1.1 calls Clean Session.
    package var cleanStart: Bool
    /// 0: the client may be silent for ever.
    package var keepAliveSeconds: UInt16
    /// May be empty: the server then chooses one.
    package var clientID: [UInt8] = []
    package var username: [UInt8]?
    package var password: [UInt8]?
    package var will: Will?

    /// 0: the session ends with the connection; `UInt32.max`: never. A clean session of 3.x is 0, an unclean one never
    /// expires.
    package var sessionExpirySeconds: UInt32 = 0
    /// How many QoS 1 and 2 publishes the client takes before it acknowledges.
    package var receiveMaximum: UInt16 = 65_535
    /// The largest packet the client takes.
    package var packetBytesMax: Int = FixedHeader.packetBytesLimit
    package var topicAliasMaximum: UInt16 = 0
    package var requestResponseInformation = false
    package var requestProblemInformation = true
    package var userProperties: [UserProperty] = []
    package var authenticationMethod: [UInt8]?
    package var authenticationData: [UInt8]?

    package init(version: ProtocolVersion, cleanStart: Bool = true, keepAliveSeconds: UInt16 = 0) {
        self.version = version
        self.cleanStart = cleanStart
        self.keepAliveSeconds = keepAliveSeconds
    }
}
