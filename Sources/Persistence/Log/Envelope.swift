import JSON
import Memory
import Topics

/// The JSON object that clients see for an entry, over MQTT and in REST alike (protocol.md §2): a beginning that columns tell, and the
/// stored suffix.
package enum Envelope {
    /// What stands before the suffix is no longer: names of members, kind, topic, three numbers and a time.
    private static let beginningBytesMax = 96 + TopicAddress.nameBytesMax + 3 * decimalBytesMax + timeBytes

    /// Appends the whole object, closing brace included.
    package static func write(_ entry: LogEntry, into bytes: inout [UInt8]) {
        precondition(entry.suffix.last == UInt8(ascii: "}"), "a suffix ends the object")
        bytes.reserveCapacity(bytes.count + entry.suffix.count + beginningBytesMax)
        begin(
            entry.kind, entry.topic.address, id: entry.id, seq: entry.seq, senderID: entry.senderID, into: &bytes)
        bytes.append(contentsOf: entry.suffix)
    }

    /// Appends the same for an entry whose `seq, id, sender_id, kind, payload` stand in an answer from `column` on.
    static func write(
        _ rows: Rows, _ row: Int, from column: Int, of topic: TopicAddress, into bytes: inout [UInt8]
    ) {
        begin(
            LogEntry.kind(rows, row, column + 3), topic, id: rows.int(row, column + 1), seq: rows.int(row, column),
            senderID: rows.int(row, column + 2), into: &bytes)
        rows.append(row, column + 4, to: &bytes)
    }

    /// Appends what stands before the suffix.
    private static func begin(
        _ kind: EntryKind, _ topic: TopicAddress, id: Int64, seq: Int64, senderID: Int64, into bytes: inout [UInt8]
    ) {
        bytes.append(addingCapacity: beginningBytesMax) { output in
            output.append(ascii: "{\"type\":\"")
            output.append(ascii: kind.name)
            output.append(ascii: "\",\"topic\":\"")
            topic.appendName(to: &output)
            output.append(ascii: "\",\"id\":\"")
            output.append(decimal: id)
            output.append(ascii: "\",\"seq\":")
            output.append(decimal: seq)
            output.append(ascii: ",\"from\":\"")
            output.append(decimal: senderID)
            output.append(ascii: "\",\"sent_at\":\"")
            appendTime(milliseconds: IDGenerator.milliseconds(of: id), to: &output)
            output.append(UInt8(ascii: "\""))
        }
    }
}

extension EntryKind {
    /// The envelope's `type`. Messages in the logs of filters have no envelope.
    package var name: StaticString {
        switch self {
        case .message: "message"
        case .edit: "edit"
        case .delete: "delete"
        case .reaction: "reaction"
        case .member: "member"
        case .group: "group"
        case .friendRequest: "friend_request"
        case .friendAccepted: "friend_accepted"
        case .friendRemoved: "friend_removed"
        case .groupAdded: "group_added"
        case .groupRemoved: "group_removed"
        case .mention: "mention"
        case .plain: preconditionFailure("plain messages have no envelope")
        }
    }
}
