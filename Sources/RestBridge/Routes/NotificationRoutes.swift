import JSON
import Persistence
import Transport

/// The inbox, and what waits unread elsewhere.
enum NotificationRoutes {
    /// So many conversations are looked at, and so many of those with unread messages are listed.
    private static let conversationsReadMax = 200
    private static let conversationsListedMax = 50
    /// In characters.
    private static let previewLengthMax = 100

    static func list(_ services: RestServices, _ request: RestRequest) async throws -> HTTPResponse {
        var query = try QueryReader(request)
        let position = query.position()
        let limit = query.limit()
        try query.finish()
        let page = try await services.history.page(
            of: .inbox(user: request.userID), for: request.userID, position, limit: limit)
        guard let page else { throw Problem.notFound }
        var unread: [Conversation]?
        if position == .before(nil) {
            unread = try await services.conversations.conversations(
                of: request.userID, after: .start, limit: conversationsReadMax
            ).filter { $0.unread > 0 }
        }
        let next = page.next("/notifications", position, limit: limit)
        return .log(page, next: next) { writer in
            writer.name("unread")
            writer.number(max(0, page.lastSeq - page.readSeq))
            guard let unread else { return }
            writer.name("conversations")
            writer.beginArray()
            for conversation in unread.prefix(conversationsListedMax) { write(conversation, to: &writer) }
            writer.endArray()
        } item: { entry in
            var bytes: [UInt8] = []
            Envelope.write(entry, into: &bytes)
            bytes.removeLast()
            bytes += Array((entry.seq <= page.readSeq ? ",\"read\":true}" : ",\"read\":false}").utf8)
            return bytes
        }
    }

    static func markRead(_ services: RestServices, _ request: RestRequest) async throws -> HTTPResponse {
        var body = try BodyReader(request)
        let seq = body.required("up_to", .seq)
        try body.finish()
        guard let seq else { preconditionFailure("finish lets no gap through") }
        let inbox = services.history
        guard try await inbox.markRead(.inbox(user: request.userID), upTo: seq, by: request.userID) else {
            throw Problem.notFound
        }
        return .noContent
    }

    private static func write(_ conversation: Conversation, to writer: inout JSONWriter) {
        guard let message = conversation.lastMessage else { return }
        writer.beginObject()
        writer.name("topic")
        writer.string(conversation.topic.address.name)
        writer.name("from")
        writer.id(message.senderID)
        writer.name("seq")
        writer.number(message.seq)
        writer.name("unread")
        writer.number(conversation.unread)
        writer.name("preview")
        writer.string(preview(of: message))
        writer.name("sent_at")
        writer.time(milliseconds: IDGenerator.milliseconds(of: message.id))
        writer.endObject()
    }

    /// The beginning of a message's text; empty if it has none.
    private static func preview(of message: LogEntry) -> String {
        var bytes: [UInt8] = []
        Envelope.write(message, into: &bytes)
        guard let envelope = try? JSONValue(parsing: bytes), let text = envelope["body"]?["text"]?.string else {
            return ""
        }
        return String(text.prefix(previewLengthMax))
    }
}
