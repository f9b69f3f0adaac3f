import Persistence
import Transport

/// Other users.
enum UserRoutes {
    static func show(_ services: RestServices, _ request: RestRequest) async throws -> HTTPResponse {
        guard let user = try await services.users.user(try request.id("id")) else { throw Problem.notFound }
        return .json { user.write(to: &$0, seenBy: request.userID) }
    }

    /// By the beginning of the user name, in order of names.
    static func search(_ services: RestServices, _ request: RestRequest) async throws -> HTTPResponse {
        var query = try QueryReader(request)
        let prefix = query.text("query")?.lowercased() ?? ""
        let limit = query.limit()
        let cursor = query.cursor { isNamePart($0) ? $0 : nil }
        if prefix.isEmpty { query.refuse("query", "must be the beginning of a user name") }
        try query.finish()
        guard isNamePart(prefix) else { return .page(next: nil) { _ in } }
        let (users, hasMore) = try await services.users.users(
            withPrefix: prefix, after: cursor ?? "", limit: limit + 1
        ).page(limit)
        let next = hasMore ? users.last.map { "/users?query=\(prefix)&limit=\(limit)&cursor=\($0.username)" } : nil
        return .page(next: next) { writer in
            for user in users { user.write(to: &writer, seenBy: request.userID) }
        }
    }

    /// Characters of user names only: none that a URL would have to encode.
    private static func isNamePart(_ text: String) -> Bool {
        1...32 ~= text.utf8.count
            && text.utf8.allSatisfy { byte in
                UInt8(ascii: "a")...UInt8(ascii: "z") ~= byte || UInt8(ascii: "0")...UInt8(ascii: "9") ~= byte
                    || "_.-".utf8.contains(byte)
            }
    }
}
