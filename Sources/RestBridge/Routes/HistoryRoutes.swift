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
        guard page.isAnnotated else { return .log(page, next: next) { page.writeEnvelope($0, into: &$1) } }
        let entries = page.entries
        let states = try await services.history.states(of: entries, for: request.userID)
        return .log(page, next: next) { entries[$0].write(states[entries[$0].id], into: &$1) }
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
        guard hasMore, count > 0 else { return nil }
        switch position {
        case .before: return "\(path)?before=\(seq(0))&limit=\(limit)"
        case .after: return "\(path)?after=\(seq(count - 1))&limit=\(limit)"
        }
    }
}

extension HTTPResponse {
    /// About what an envelope takes in a page.
    private static let envelopeBytes = 320

    /// A page of a log.
    /// - Parameter writeItem: appends the object of an entry, counted from 0.
    static func log(
        _ page: HistoryStore.Page, next: String?, writeMore: (inout JSONWriter) -> Void = { _ in },
        writeItem: (Int, inout [UInt8]) -> Void
    ) -> HTTPResponse {
        json { writer in
            writer.reserve(page.count * envelopeBytes + envelopeBytes)
            writer.beginObject()
            writer.name("items")
            writer.beginArray()
            for index in 0..<page.count { writer.raw { writeItem(index, &$0) } }
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
