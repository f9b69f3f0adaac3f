import JSON
import Persistence
import Topics
import Transport

/// Finding messages.
enum SearchRoutes {
    /// In characters: more words than anybody remembers of a message.
    private static let queryLengthMax = 256

    /// A conversation that is not there, or not the caller's, has no results.
    static func search(_ services: RestServices, _ request: RestRequest) async throws -> HTTPResponse {
        var query = try QueryReader(request)
        let words = query.text("query") ?? ""
        let name = query.text("topic")
        let limit = query.limit()
        let cursor = query.cursor(parseID)
        if words.isEmpty { query.refuse("query", "must be the words to find") }
        if words.unicodeScalars.count > queryLengthMax { query.refuse("query", "at most \(queryLengthMax) characters") }
        let address = name.flatMap { TopicAddress(parsing: Array($0.utf8).span) }
        if name != nil, address?.isConversation != true { query.refuse("topic", "must be the topic of a conversation") }
        try query.finish()
        let page = try await services.search.messages(
            matching: words, in: address, for: request.userID, beforeID: cursor, limit: limit)
        let states = try await services.history.states(of: page.entries, for: request.userID)
        let next = page.before.map { before in
            let topic = address.map { "&topic=\($0.name)" } ?? ""
            return "/search?query=\(percentEncoded(words))\(topic)&limit=\(limit)&cursor=\(before)"
        }
        return .page(next: next) { writer in
            for message in page.entries { writer.raw { message.write(states[message.id], into: &$0) } }
        }
    }
}

extension TopicAddress {
    fileprivate var isConversation: Bool {
        switch self {
        case .direct, .group: true
        case .inbox, .filterLog: false
        }
    }
}
