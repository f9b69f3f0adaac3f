import JSON
import Persistence
import Topics
import Transport

/// The list of conversations, and how far they have been read.
enum ConversationRoutes {
    static func list(_ services: RestServices, _ request: RestRequest) async throws -> HTTPResponse {
        var query = try QueryReader(request)
        let limit = query.limit()
        let cursor = query.cursor(parseCursor)
        try query.finish()
        let (conversations, hasMore) = try await services.conversations.conversations(
            of: request.userID, after: cursor ?? .start, limit: limit + 1
        ).page(limit)
        let next =
            hasMore
            ? conversations.last.map {
                "/conversations?limit=\(limit)&cursor=\($0.cursor.activeAt)-\($0.cursor.topicID)"
            } : nil
        return .page(next: next) { writer in
            for conversation in conversations { conversation.write(to: &writer, seenBy: request.userID) }
        }
    }

    static func markRead(_ services: RestServices, _ request: RestRequest) async throws -> HTTPResponse {
        let address = try request.conversation()
        var body = try BodyReader(request)
        let seq = body.required("seq", .seq)
        try body.finish()
        guard let seq else { preconditionFailure("finish lets no gap through") }
        guard try await services.history.markRead(address, upTo: seq, by: request.userID) else {
            throw Problem.notFound
        }
        return .noContent
    }

    private static func parseCursor(_ text: String) -> ConversationStore.Cursor? {
        let parts = text.split(separator: "-", omittingEmptySubsequences: false)
        guard parts.count == 2, let activeAt = parseNumber(String(parts[0])), let topic = parseID(String(parts[1]))
        else {
            return nil
        }
        return ConversationStore.Cursor(activeAt: activeAt, topicID: topic)
    }
}

extension Conversation {
    fileprivate func write(to writer: inout JSONWriter, seenBy viewer: Int64) {
        writer.beginObject()
        writer.name("topic")
        writer.string(topic.address.name)
        writer.name("kind")
        switch partner {
        case .user(let user):
            writer.string("direct")
            writer.name("user")
            user.write(to: &writer, seenBy: viewer)
        case .group(let group):
            writer.string("group")
            writer.name("group")
            group.write(to: &writer)
        }
        if let lastMessage {
            var bytes: [UInt8] = []
            Envelope.write(lastMessage, into: &bytes)
            writer.name("last_message")
            writer.raw(bytes)
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
