import JSON
import Memory
import Topics

/// The JSON object that clients see for an entry, over MQTT and in REST alike (protocol.md §2): a beginning that columns tell, and the
/// stored suffix.
package enum Envelope {
    /// Appends the whole object, closing brace included.
    package static func write(_ entry: LogEntry, into bytes: inout [UInt8]) {
        precondition(entry.suffix.last == UInt8(ascii: "}"), "a suffix ends the object")
        bytes.reserveCapacity(bytes.count + entry.suffix.count + 160)
        bytes.append(ascii: "{\"type\":\"")
        bytes.append(ascii: entry.kind.name)
        bytes.append(ascii: "\",\"topic\":\"")
        entry.topic.address.appendName(to: &bytes)
        bytes.append(ascii: "\",\"id\":\"")
        bytes.append(decimal: entry.id)
        bytes.append(ascii: "\",\"seq\":")
        bytes.append(decimal: entry.seq)
        bytes.append(ascii: ",\"from\":\"")
        bytes.append(decimal: entry.senderID)
        bytes.append(ascii: "\",\"sent_at\":\"")
        appendTime(milliseconds: IDGenerator.milliseconds(of: entry.id), to: &bytes)
        bytes.append(UInt8(ascii: "\""))
        bytes.append(contentsOf: entry.suffix)
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
