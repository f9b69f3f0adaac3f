/// What a server may send to a client. The functions write, each appends one packet to `output`; the cases are what a
/// client reads. `properties` are raw bytes, made with `appendProperty` and `appendUserProperty`; 3.1 and 3.1.1 have
/// none, and what is given is left out for them.
package enum ServerPacket: Sendable {
    case connack(Connack)
    case publish(Publish)
    case puback(Acknowledgement)
    case pubrec(Acknowledgement)
    case pubrel(Acknowledgement)
    case pubcomp(Acknowledgement)
    case suback(Suback)
    case unsuback(Suback)
    case pingresp
    case disconnect(Disconnect)
    case auth(Auth)

    package static func encodePingresp(into output: inout [UInt8]) {
        output.append(PacketType.pingresp.rawValue << 4)
        output.append(0)
    }

    /// PUBACK, PUBREC, PUBREL or PUBCOMP (§3.4 to §3.7). 3.x can't tell a reason: whoever means "no" must not call
    /// this.
    package static func encodeAcknowledgement(
        _ type: PacketType, into output: inout [UInt8], version: ProtocolVersion, packetID: UInt16,
        reason: ReasonCode = .success, properties: [UInt8] = []
    ) {
        precondition(type == .puback || type == .pubrec || type == .pubrel || type == .pubcomp)
        precondition(packetID != 0, "the packet identifier is never 0")
        output.append(type.rawValue << 4 | type.reservedFlags)
        if version != .v5 || reason == .success && properties.isEmpty {
            output.append(2)
            output.append(uint16: packetID)
        } else if properties.isEmpty {
            output.append(3)
            output.append(uint16: packetID)
            output.append(reason.rawValue)
        } else {
            output.append(
                variableInteger: 3 + VariableInteger.length(properties.count) + properties.count)
            output.append(uint16: packetID)
            output.append(reason.rawValue)
            output.append(variableInteger: properties.count)
            output.append(contentsOf: properties)
        }
    }

    /// SUBACK (§3.9): one reason per filter, in the order of the SUBSCRIBE [MQTT-3.9.3-1]. 3.x: every refusal is 0x80.
    package static func encodeSuback(
        into output: inout [UInt8], version: ProtocolVersion, packetID: UInt16, reasons: [ReasonCode],
        properties: [UInt8] = []
    ) {
        precondition(packetID != 0 && !reasons.isEmpty)
        appendHeader(
            .suback, into: &output, version: version, packetID: packetID, properties: properties,
            payloadCount: reasons.count)
        for reason in reasons {
            output.append(version != .v5 && reason.isError ? 0x80 : reason.rawValue)
        }
    }

    /// UNSUBACK (§3.11); 3.x carries no reasons.
    package static func encodeUnsuback(
        into output: inout [UInt8], version: ProtocolVersion, packetID: UInt16, reasons: [ReasonCode],
        properties: [UInt8] = []
    ) {
        precondition(packetID != 0)
        appendHeader(
            .unsuback, into: &output, version: version, packetID: packetID, properties: properties,
            payloadCount: version == .v5 ? reasons.count : 0)
        if version == .v5 {
            for reason in reasons { output.append(reason.rawValue) }
        }
    }

    /// DISCONNECT (§3.14). A server of 3.x can't send one: nothing is written.
    package static func encodeDisconnect(
        into output: inout [UInt8], version: ProtocolVersion, reason: ReasonCode, properties: [UInt8] = []
    ) {
        guard version == .v5 else { return }
        appendReason(.disconnect, into: &output, reason: reason, properties: properties)
    }

    /// AUTH (§3.15), MQTT 5 only. The method is a property, and required [MQTT-4.12.0-5].
    package static func encodeAuth(into output: inout [UInt8], reason: ReasonCode, properties: [UInt8]) {
        appendReason(.auth, into: &output, reason: reason, properties: properties)
    }

    static func appendReason(
        _ type: PacketType, into output: inout [UInt8], reason: ReasonCode, properties: [UInt8]
    ) {
        output.append(type.rawValue << 4)
        if properties.isEmpty {
            if reason == .success {
                output.append(0)
            } else {
                output.append(1)
                output.append(reason.rawValue)
            }
            return
        }
        output.append(variableInteger: 1 + VariableInteger.length(properties.count) + properties.count)
        output.append(reason.rawValue)
        output.append(variableInteger: properties.count)
        output.append(contentsOf: properties)
    }

    private static func appendHeader(
        _ type: PacketType, into output: inout [UInt8], version: ProtocolVersion, packetID: UInt16,
        properties: [UInt8], payloadCount: Int
    ) {
        let propertiesCount =
            version == .v5 ? VariableInteger.length(properties.count) + properties.count : 0
        output.append(type.rawValue << 4)
        output.append(variableInteger: 2 + propertiesCount + payloadCount)
        output.append(uint16: packetID)
        if version == .v5 {
            output.append(variableInteger: properties.count)
            output.append(contentsOf: properties)
        }
    }
}
