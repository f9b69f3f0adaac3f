import JSON
import Persistence
import Topics
import Transport

/// The list of conversations, and how far they have been read.
enum ConversationRoutes {
    /// About what an item takes in a page.
    private static let itemBytes = 640

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
            writer.reserve(conversations.count * itemBytes)
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
