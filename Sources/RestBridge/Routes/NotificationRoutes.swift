import JSON
import Persistence
import Transport

/// The inbox, and what waits unread elsewhere.
enum NotificationRoutes {
    /// Conversations with unread messages that are listed, the newest.
    private static let conversationsListedMax = 50

    static func list(_ services: RestServices, _ request: RestRequest) async throws -> HTTPResponse {
        var query = try QueryReader(request)
        let position = query.position()
        let limit = query.limit()
        try query.finish()
        let page = try await services.history.page(
            of: .inbox(user: request.userID), for: request.userID, position, limit: limit)
        guard let page else { throw Problem.notFound }
        var unread: [UnreadConversation]?
        if position == .before(nil) {
            unread = try await services.unread.unread(of: request.userID, limit: conversationsListedMax)
        }
        let next = page.next("/notifications", position, limit: limit)
        return .log(page, next: next) { writer in
            writer.name("unread")
            writer.number(max(0, page.lastSeq - page.readSeq))
            guard let unread else { return }
            writer.name("conversations")
            writer.beginArray()
            for conversation in unread { write(conversation, to: &writer) }
            writer.endArray()
        } writeItem: { index, bytes in
            page.writeEnvelope(index, into: &bytes)
            bytes.removeLast()
            bytes += (page.seq(index) <= page.readSeq ? ",\"read\":true}" : ",\"read\":false}").utf8
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

    private static func write(_ conversation: UnreadConversation, to writer: inout JSONWriter) {
        writer.beginObject()
        writer.name("topic")
        writer.string(conversation.topic.address.name)
        writer.name("from")
        writer.id(conversation.senderID)
        writer.name("seq")
        writer.number(conversation.seq)
        writer.name("unread")
        writer.number(conversation.unread)
        writer.name("preview")
        writer.string(conversation.preview)
        writer.name("sent_at")
        writer.time(milliseconds: conversation.sentAt)
        writer.endObject()
    }
}
