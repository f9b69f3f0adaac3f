/// What a client may send to a server.
package enum ClientPacket: Sendable {
    case connect(Connect)
    case publish(Publish)
    case puback(Acknowledgement)
    case pubrec(Acknowledgement)
    case pubrel(Acknowledgement)
    case pubcomp(Acknowledgement)
    case subscribe(Subscribe)
    case unsubscribe(Unsubscribe)
    case pingreq
    case disconnect(Disconnect)
    case auth(Auth)

    /// The packet whose header is at `offset`; it has arrived whole. A CONNECT brings its own version, whatever
    /// `version` says.
    package static func decode(
        _ header: FixedHeader, in bytes: Span<UInt8>, at offset: Int, version: ProtocolVersion
    ) throws(ProtocolError) -> ClientPacket {
        if header.type == .connect { return .connect(try Connect.decode(header, in: bytes, at: offset)) }
        if header.type == .publish {
            return .publish(try Publish.decode(header, in: bytes, at: offset, version: version))
        }
        try header.checkVersion(version)
        var cursor = Cursor(header, at: offset, in: bytes)
        switch header.type {
        case .connect, .publish: preconditionFailure("decoded above")
        case .puback, .pubrec, .pubrel, .pubcomp:
            return acknowledgement(
                try Acknowledgement.decode(&cursor, of: header.type, in: bytes, version: version), header.type)
        case .subscribe: return .subscribe(try Subscribe.decode(&cursor, in: bytes, version: version))
        case .unsubscribe: return .unsubscribe(try Unsubscribe.decode(&cursor, in: bytes, version: version))
        case .pingreq:
            try cursor.checkEnd()
            return .pingreq
        case .disconnect:
            return .disconnect(try Disconnect.decodeFromClient(&cursor, in: bytes, version: version))
        case .auth:
            guard version == .v5 else { throw .malformed("packet type 15 is reserved") }
            return .auth(try Auth.decodeFromClient(&cursor, in: bytes))
        case .connack, .suback, .unsuback, .pingresp: throw .violation("a packet that only a server sends")
        }
    }

    private static func acknowledgement(_ acknowledgement: Acknowledgement, _ type: PacketType) -> ClientPacket {
        switch type {
        case .puback: .puback(acknowledgement)
        case .pubrec: .pubrec(acknowledgement)
        case .pubrel: .pubrel(acknowledgement)
        case .pubcomp: .pubcomp(acknowledgement)
        default: preconditionFailure("not an acknowledgement")
        }
    }
}
