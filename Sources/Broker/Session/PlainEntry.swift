import MQTT
import Memory
import Persistence

/// A message of a plain topic as the log of a filter keeps it: what an entry's columns do not tell, packed into its payload.
///
/// Packed integers: flags and expiry; then topic, client id and properties, each behind its length; the rest is the payload.
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
        var reader = PackedReader(entry.suffix)
        let flags = Self.number(&reader)
        qos = QoS(rawValue: UInt8(flags & 3)) ?? .atLeastOnce
        retain = flags & 4 != 0
        hasCopies = flags & 8 != 0
        expiresAt = Self.number(&reader)
        topic = Self.field(&reader)
        publisher = SessionKey(userID: entry.senderID, clientID: Self.field(&reader))
        forwarded = Self.field(&reader)
        payload = reader.rest
    }

    static func encode(_ message: PlainMessage, hasCopies: Bool) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(
            message.topic.count + message.payload.count + message.forwarded.count + message.publisher.clientID.count
                + 32)
        bytes.append(packed: Int64(message.qos.rawValue) | (message.retain ? 4 : 0) | (hasCopies ? 8 : 0))
        bytes.append(packed: message.expiresAt)
        for field in [message.topic, message.publisher.clientID, message.forwarded] {
            bytes.append(packed: Int64(field.count))
            bytes.append(contentsOf: field)
        }
        bytes.append(contentsOf: message.payload)
        return bytes
    }

    // Our own bytes: whatever does not fit is damage that must not go on, and traps.

    private static func number(_ reader: inout PackedReader) -> Int64 {
        guard let number = reader.next() else { preconditionFailure("an entry of a filter's log is damaged") }
        return number
    }

    private static func field(_ reader: inout PackedReader) -> [UInt8] {
        guard let bytes = reader.next(bytes: number(&reader)) else {
            preconditionFailure("an entry of a filter's log is damaged")
        }
        return bytes
    }
}
