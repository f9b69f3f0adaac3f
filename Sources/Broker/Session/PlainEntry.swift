import MQTT
import Persistence

/// A message of a plain topic as the log of a filter keeps it: what an entry's columns do not tell, packed into its payload.
///
/// One byte of flags, then packed integers and the bytes that they count: expiry, topic, client id, properties; the rest is the payload.
struct PlainEntry {
    var topic: [UInt8]
    var payload: [UInt8]
    var qos: QoS
    var retain: Bool
    /// Raw MQTT 5 properties that go with it.
    var forwarded: [UInt8]
    /// Unix milliseconds; 0: never.
    var expiresAt: Int64
    /// Who published it, for No Local [MQTT-3.8.3-3]; an empty client id: the hub, for a will.
    var publisher: SessionKey
    /// The logs of other filters have it too, under the same id.
    var hasCopies: Bool

    /// Takes apart what `encode` made; the publisher's user is the entry's sender.
    init(_ entry: LogEntry) {
        precondition(entry.kind == .plain)
        var reader = Reader(bytes: entry.suffix)
        let flags = reader.number()
        qos = QoS(rawValue: UInt8(flags & 3)) ?? .atLeastOnce
        retain = flags & 4 != 0
        hasCopies = flags & 8 != 0
        expiresAt = reader.number()
        topic = reader.field()
        publisher = SessionKey(userID: entry.senderID, clientID: reader.field())
        forwarded = reader.field()
        payload = reader.rest()
    }

    static func encode(_ message: PlainMessage, hasCopies: Bool) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(
            message.topic.count + message.payload.count + message.forwarded.count + message.publisher.clientID.count
                + 32)
        bytes.append(message.qos.rawValue | (message.retain ? 4 : 0) | (hasCopies ? 8 : 0))
        append(message.expiresAt, to: &bytes)
        for field in [message.topic, message.publisher.clientID, message.forwarded] {
            append(Int64(field.count), to: &bytes)
            bytes.append(contentsOf: field)
        }
        bytes.append(contentsOf: message.payload)
        return bytes
    }

    private static func append(_ number: Int64, to bytes: inout [UInt8]) {
        precondition(number >= 0)
        var rest = number
        while rest >= 0x80 {
            bytes.append(UInt8(rest & 0x7F) | 0x80)
            rest >>= 7
        }
        bytes.append(UInt8(rest))
    }

    /// Reads our own bytes: whatever does not fit is damage that must not go on, and traps.
    private struct Reader {
        let bytes: [UInt8]
        var index = 0

        mutating func number() -> Int64 {
            var value: Int64 = 0
            for shift in stride(from: 0, to: 63, by: 7) {
                let byte = bytes[index]
                index += 1
                value |= Int64(byte & 0x7F) << Int64(shift)
                if byte < 0x80 { return value }
            }
            preconditionFailure("a number of more than 63 bits in a log")
        }

        mutating func field() -> [UInt8] {
            let count = Int(number())
            defer { index += count }
            return Array(bytes[index..<index + count])
        }

        func rest() -> [UInt8] { Array(bytes[index...]) }
    }
}
