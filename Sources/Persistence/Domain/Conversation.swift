import JSON
import Topics

/// A conversation in somebody's list, as the database's answer holds it: whoever only passes it on makes no values of it.
package struct Conversation: Sendable {
    /// The columns of an answer.
    private enum Column {
        static let id = 0
        static let kind = 1
        static let low = 2
        static let high = 3
        static let lastSeq = 4
        static let activeAt = 5
        static let writable = 6
        static let readSeq = 7
        static let unread = 8
        /// `seq, id, sender_id, kind, payload`; null without a message.
        static let lastMessage = 9
        static let user = 14
        static let group = 20
    }

    private let rows: Rows
    private let row: Int

    init(_ rows: Rows, row: Int) {
        self.rows = rows
        self.row = row
    }

    package var topic: StoredTopic {
        isDirect
            ? .direct(rows.int(row, Column.low), rows.int(row, Column.high), id: rows.int(row, Column.id))
            : .group(rows.int(row, Column.id))
    }

    /// The newest entry of kind message.
    package var lastMessage: LogEntry? {
        hasMessage ? LogEntry(rows, row, from: Column.lastMessage, of: topic) : nil
    }

    package var lastSeq: Int64 { rows.int(row, Column.lastSeq) }
    package var readSeq: Int64 { rows.int(row, Column.readSeq) }
    /// Messages by others after `readSeq`.
    package var unread: Int64 { rows.int(row, Column.unread) }
    package var writable: Bool { rows.bool(row, Column.writable) }

    package var cursor: ConversationStore.Cursor {
        ConversationStore.Cursor(activeAt: rows.int(row, Column.activeAt), topicID: rows.int(row, Column.id))
    }

    private var isDirect: Bool { rows.int(row, Column.kind) == TopicKind.direct.rawValue }
    private var hasMessage: Bool { !rows.isNull(row, Column.lastMessage) }

    /// Writes the object `Conversation` (rest.md).
    package func write(to writer: inout JSONWriter, seenBy viewer: Int64) {
        let address = topic.address
        writer.beginObject()
        writer.name("topic")
        writer.topic(address)
        writer.name("kind")
        if isDirect {
            writer.string("direct")
            writer.name("user")
            User(rows, row, from: Column.user).write(to: &writer, seenBy: viewer)
        } else {
            writer.string("group")
            writer.name("group")
            Group(rows, row, from: Column.group).write(to: &writer)
        }
        if hasMessage {
            writer.name("last_message")
            writer.raw { Envelope.write(rows, row, from: Column.lastMessage, of: address, into: &$0) }
        }
        writer.name("last_seq")
        writer.number(lastSeq)
        writer.name("read_seq")
        writer.number(readSeq)
        writer.name("unread")
        writer.number(unread)
        writer.name("writable")
        writer.bool(writable)
        writer.endObject()
    }
}
