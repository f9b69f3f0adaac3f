extension Connect {
    /// Errors carry the version in which a CONNACK may be answered, as soon as it is known.
    package static func decode(
        _ header: FixedHeader, in bytes: Span<UInt8>, at offset: Int
    ) throws(ProtocolError) -> Connect {
        precondition(header.type == .connect)
        var cursor = Cursor(header, at: offset, in: bytes)
        let version = try readVersion(&cursor, in: bytes)
        do {
            try header.checkVersion(version)
            return try decodeAfterVersion(&cursor, in: bytes, version: version)
        } catch {
            throw ProtocolError(error.reason, error.message, version: version)
        }
    }

    private static func readVersion(
        _ cursor: inout Cursor, in bytes: Span<UInt8>
    ) throws(ProtocolError) -> ProtocolVersion {
        let name = try cursor.string(in: bytes)
        let level = try cursor.byte(in: bytes)
        let isMQTT = equal(bytes, name, [0x4D, 0x51, 0x54, 0x54])
        let isMQIsdp = equal(bytes, name, [0x4D, 0x51, 0x49, 0x73, 0x64, 0x70])
        if isMQIsdp, level == 3 { return .v3_1 }
        if isMQTT, let version = ProtocolVersion(rawValue: level), version != .v3_1 { return version }
        // Bridges set the highest bit; whoever speaks a later version than 5 will understand the CONNACK of 5.
        throw ProtocolError(
            .unsupportedProtocolVersion, "the protocol is neither MQTT 5, 3.1.1 nor 3.1",
            version: level & 0x7F >= 5 ? .v5 : .v3_1_1)
    }

    private static func equal(_ bytes: Span<UInt8>, _ range: Range<Int>, _ name: InlineArray<4, UInt8>) -> Bool {
        range.count == 4 && range.allSatisfy { bytes[$0] == name[$0 - range.lowerBound] }
    }

    private static func equal(_ bytes: Span<UInt8>, _ range: Range<Int>, _ name: InlineArray<6, UInt8>) -> Bool {
        range.count == 6 && range.allSatisfy { bytes[$0] == name[$0 - range.lowerBound] }
    }

    private static func decodeAfterVersion(
        _ cursor: inout Cursor, in bytes: Span<UInt8>, version: ProtocolVersion
    ) throws(ProtocolError) -> Connect {
        let flags = ConnectFlags(rawValue: try cursor.byte(in: bytes))
        try flags.check(version)
        var connect = Connect(version: version, cleanStart: flags.cleanStart)
        connect.keepAliveSeconds = try cursor.uint16(in: bytes)
        if version == .v5 {
            try connect.readProperties(try cursor.properties(in: bytes), in: bytes)
        } else {
            connect.sessionExpirySeconds = flags.cleanStart ? 0 : .max
        }

        connect.clientID = [UInt8](copying: bytes, try cursor.string(in: bytes))
        if connect.clientID.isEmpty, version == .v3_1 || version == .v3_1_1 && !flags.cleanStart {
            throw ProtocolError(.clientIdentifierNotValid, "the client identifier is empty")  // [MQTT-3.1.3-8]
        }
        if flags.hasWill { connect.will = try decodeWill(&cursor, in: bytes, flags: flags, version: version) }
        // In 3.1 the remaining length has the last word on whether name and password are there.
        if flags.hasUsername, version != .v3_1 || !cursor.isAtEnd {
            connect.username = [UInt8](copying: bytes, try cursor.string(in: bytes))
        }
        if flags.hasPassword, version != .v3_1 || !cursor.isAtEnd {
            connect.password = [UInt8](copying: bytes, try cursor.binary(in: bytes))
        }
        try cursor.checkEnd()
        return connect
    }

    private static func decodeWill(
        _ cursor: inout Cursor, in bytes: Span<UInt8>, flags: ConnectFlags, version: ProtocolVersion
    ) throws(ProtocolError) -> Will {
        guard let qos = QoS(rawValue: flags.willQoS) else { throw .malformed("will QoS is 3") }
        var will = Will(topic: [], payload: [], qos: qos, retain: flags.willRetain)
        if version == .v5 { try will.readProperties(try cursor.properties(in: bytes), in: bytes) }
        let topic = try cursor.topicName(in: bytes)
        if topic.isEmpty { throw ProtocolError(.topicNameInvalid, "the will topic is empty") }  // [MQTT-4.7.3-1]
        let payload = try cursor.binary(in: bytes)
        if will.isUTF8Payload, !UTF8Text.isWellFormed(bytes, payload) {
            throw ProtocolError(.payloadFormatInvalid, "the will payload is not UTF-8")
        }
        will.topic = [UInt8](copying: bytes, topic)
        will.payload = [UInt8](copying: bytes, payload)
        return will
    }

    private mutating func readProperties(_ range: Range<Int>, in bytes: Span<UInt8>) throws(ProtocolError) {
        var cursor = PropertyCursor(range, allowed: .connect)
        while let property = try cursor.next(in: bytes) {
            switch property.id {
            case .sessionExpiryInterval: sessionExpirySeconds = property.number
            case .receiveMaximum: receiveMaximum = UInt16(property.number)
            case .maximumPacketSize: packetBytesMax = min(Int(property.number), FixedHeader.packetBytesLimit)
            case .topicAliasMaximum: topicAliasMaximum = UInt16(property.number)
            case .requestResponseInformation: requestResponseInformation = property.number == 1
            case .requestProblemInformation: requestProblemInformation = property.number == 1
            case .userProperty: userProperties.append(UserProperty(property, in: bytes))
            case .authenticationMethod: authenticationMethod = [UInt8](copying: bytes, property.bytes)
            case .authenticationData: authenticationData = [UInt8](copying: bytes, property.bytes)
            default: break
            }
        }
        if authenticationData != nil, authenticationMethod == nil {
            throw .violation("authentication data without a method")  // §3.1.2.11.10
        }
    }
}

/// The flags byte (§3.1.2.3).
struct ConnectFlags {
    var rawValue: UInt8

    var cleanStart: Bool { rawValue & 0x02 != 0 }
    var hasWill: Bool { rawValue & 0x04 != 0 }
    var willQoS: UInt8 { rawValue >> 3 & 3 }
    var willRetain: Bool { rawValue & 0x20 != 0 }
    var hasPassword: Bool { rawValue & 0x40 != 0 }
    var hasUsername: Bool { rawValue & 0x80 != 0 }

    func check(_ version: ProtocolVersion) throws(ProtocolError) {
        // [MQTT-3.1.2-3]
        if rawValue & 1 != 0, version != .v3_1 { throw .malformed("the reserved connect flag is set") }
        // [MQTT-3.1.2-12] of 5, [MQTT-3.1.2-14] of 3.1.1.
        if willQoS == 3 { throw .malformed("will QoS is 3") }
        // 3.1 calls these bits unused without a will; [MQTT-3.1.2-11] and [MQTT-3.1.2-13] of 5, -13 and -15 of 3.1.1
        // reserve them.
        if !hasWill, version != .v3_1, willQoS != 0 || willRetain { throw .malformed("will flags without a will") }
        if version == .v3_1_1, hasPassword, !hasUsername {
            throw .malformed("a password without a user name")  // [MQTT-3.1.2-22]
        }
    }
}
