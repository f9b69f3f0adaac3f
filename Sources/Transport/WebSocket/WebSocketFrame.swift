/// The parts of a frame that both directions share (RFC 6455 §5.2), and what the server writes: frames without a mask, one per message.
package enum WebSocketFrame {
    package enum Opcode: UInt8, Sendable {
        case continuation = 0x0
        case text = 0x1
        case binary = 0x2
        case close = 0x8
        case ping = 0x9
        case pong = 0xA

        var isControl: Bool { rawValue & 0x8 != 0 }
    }

    /// Why a connection ends (RFC 6455 §7.4.1).
    package enum CloseCode {
        package static let normal: UInt16 = 1000
        package static let protocolError: UInt16 = 1002
        package static let unsupportedData: UInt16 = 1003
        package static let invalidPayload: UInt16 = 1007
        package static let messageTooBig: UInt16 = 1009

        /// Whether a peer may send it: 1005, 1006 and 1015 stand for what was never sent, the rest is not assigned.
        static func isValid(_ code: UInt16) -> Bool {
            switch code {
            case 1000...1003, 1007...1014, 3000...4999: true
            default: false
            }
        }
    }

    /// RFC 6455 §5.5.
    static let controlPayloadBytesMax = 125
    static let headerBytesMax = 10

    /// The header of a whole message, its length in the shortest form.
    package static func header(_ opcode: Opcode, payloadBytes: Int) -> Header {
        precondition(payloadBytes >= 0 && (!opcode.isControl || payloadBytes <= controlPayloadBytesMax))
        var header = Header()
        header.append(0x80 | opcode.rawValue)
        switch payloadBytes {
        case ...125: header.append(UInt8(payloadBytes))
        case ...0xFFFF:
            header.append(126)
            header.append(bigEndian: payloadBytes, bytes: 2)
        default:
            header.append(127)
            header.append(bigEndian: payloadBytes, bytes: 8)
        }
        return header
    }

    /// A whole control frame.
    package static func control(_ opcode: Opcode, _ payload: [UInt8]) -> [UInt8] {
        precondition(opcode.isControl)
        let header = header(opcode, payloadBytes: payload.count)
        return header.bytes + payload
    }

    package static func close(_ code: UInt16) -> [UInt8] {
        precondition(CloseCode.isValid(code))
        return control(.close, [UInt8(code >> 8), UInt8(truncatingIfNeeded: code)])
    }

    /// Up to ten bytes, without memory of their own.
    package struct Header {
        private var storage = InlineArray<10, UInt8>(repeating: 0)
        package private(set) var count = 0

        fileprivate mutating func append(_ byte: UInt8) {
            storage[count] = byte
            count += 1
        }

        fileprivate mutating func append(bigEndian value: Int, bytes: Int) {
            for place in (0..<bytes).reversed() { append(UInt8(truncatingIfNeeded: value >> (8 * place))) }
        }

        package var bytes: [UInt8] { (0..<count).map { storage[$0] } }

        package subscript(index: Int) -> UInt8 {
            precondition(index < count)
            return storage[index]
        }
    }
}
