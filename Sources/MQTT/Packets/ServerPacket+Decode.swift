extension ServerPacket {
    /// The packet whose header is at `offset`, for a client; it has arrived whole.
    package static func decode(
        _ header: FixedHeader, in bytes: Span<UInt8>, at offset: Int, version: ProtocolVersion
    ) throws(ProtocolError) -> ServerPacket {
        if header.type == .publish {
            return .publish(
                try Publish.decode(header, in: bytes, at: offset, version: version, properties: .publishFromServer))
        }
        try header.checkVersion(version)
        var cursor = Cursor(header, at: offset, in: bytes)
        switch header.type {
        case .publish: preconditionFailure("decoded above")
        case .connack: return .connack(try Connack.decode(&cursor, in: bytes, version: version))
        case .puback: return .puback(try acknowledgement(&cursor, header, in: bytes, version))
        case .pubrec: return .pubrec(try acknowledgement(&cursor, header, in: bytes, version))
        case .pubrel: return .pubrel(try acknowledgement(&cursor, header, in: bytes, version))
        case .pubcomp: return .pubcomp(try acknowledgement(&cursor, header, in: bytes, version))
        case .suback: return .suback(try Suback.decode(&cursor, in: bytes, version: version))
        case .unsuback: return .unsuback(try Suback.decode(&cursor, in: bytes, version: version))
        case .pingresp:
            try cursor.checkEnd()
            return .pingresp
        case .disconnect where version == .v5:
            return .disconnect(try Disconnect.decode(&cursor, in: bytes, allowed: .disconnectFromServer))
        case .auth where version == .v5: return .auth(try Auth.decode(&cursor, in: bytes))
        case .connect, .subscribe, .unsubscribe, .pingreq, .disconnect, .auth:
            throw .violation("a packet that a server doesn't send")
        }
    }

    private static func acknowledgement(
        _ cursor: inout Cursor, _ header: FixedHeader, in bytes: Span<UInt8>, _ version: ProtocolVersion
    ) throws(ProtocolError) -> Acknowledgement {
        try Acknowledgement.decode(&cursor, of: header.type, in: bytes, version: version)
    }
}
