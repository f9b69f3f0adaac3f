import JSON
import Persistence
import Topics
import Transport

/// Reading conversations.
enum HistoryRoutes {
    static func list(_ services: RestServices, _ request: RestRequest) async throws -> HTTPResponse {
        let address = try request.conversation()
        var query = try QueryReader(request)
        let position = query.position()
        let limit = query.limit()
        let types = query.text("types")
        let kinds = types.map { $0.split(separator: ",").map { EntryKind(name: $0) } }
        if let kinds, kinds.isEmpty || kinds.contains(nil) { query.refuse("types", "must be types of entries") }
        try query.finish()
        let page = try await services.history.page(
            of: address, for: request.userID, position, limit: limit, kinds: kinds?.compactMap { $0 })
        guard let page else { throw Problem.notFound }
        let path = request.parameters["user_id"].map { "/messages/\($0)" } ?? "/messages/\(address.name)"
        var next = page.next(path, position, limit: limit)
        if let types { next?.append("&types=\(types)") }
        let states = page.isAnnotated ? try await services.history.states(of: page.entries, for: request.userID) : [:]
        return .log(page, next: next) { $0.json(states[$0.id]) }
    }
}

extension RestRequest {
    /// The conversation that the path names by `user_id`, `group_id`, or `low` and `high`; it may not be there.
    func conversation() throws(Problem) -> TopicAddress {
        if parameters["group_id"] != nil { return .group(try id("group_id")) }
        if parameters["user_id"] != nil {
            let other = try id("user_id")
            guard other != userID else { throw .notFound }
            return .direct(between: userID, and: other)
        }
        let low = try id("low")
        let high = try id("high")
        guard low < high else { throw .notFound }
        return .direct(low: low, high: high)
    }
}

extension HistoryStore.Page {
    /// The URL of the next page in the same direction; nil at the end.
    func next(_ path: String, _ position: HistoryStore.Position, limit: Int) -> String? {
        guard hasMore, let first = entries.first, let last = entries.last else { return nil }
        switch position {
        case .before: return "\(path)?before=\(first.seq)&limit=\(limit)"
        case .after: return "\(path)?after=\(last.seq)&limit=\(limit)"
        }
    }
}

extension HTTPResponse {
    /// A page of a log.
    static func log(
        _ page: HistoryStore.Page, next: String?, writeMore: (inout JSONWriter) -> Void = { _ in },
        item: (LogEntry) -> [UInt8]
    ) -> HTTPResponse {
        json { writer in
            writer.beginObject()
            writer.name("items")
            writer.beginArray()
            for entry in page.entries { writer.raw(item(entry)) }
            writer.endArray()
            if let next {
                writer.name("next")
                writer.string(next)
            }
            writer.name("first_seq")
            writer.number(page.firstSeq)
            writer.name("last_seq")
            writer.number(page.lastSeq)
            writeMore(&writer)
            writer.endObject()
        }
    }
}

extension EntryKind {
    fileprivate init?(name: Substring) {
        let kind = Self.ofTopics.first { kind in kind.name.description == name }
        guard let kind else { return nil }
        self = kind
    }
}
