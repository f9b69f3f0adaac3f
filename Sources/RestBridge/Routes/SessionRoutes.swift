import JSON
import Persistence
import Transport

/// The log-in sessions of a user.
enum SessionRoutes {
    /// A token without a session (an outside issuer's) has nothing to end.
    static func logOut(_ services: RestServices, _ request: RestRequest) async throws -> HTTPResponse {
        try BodyReader.expectNone(request)
        if let sessionID = request.caller?.sessionID {
            _ = try await services.sessions.revoke(sessionID, of: request.userID)
        }
        return .noContent
    }

    static func list(_ services: RestServices, _ request: RestRequest) async throws -> HTTPResponse {
        var query = try QueryReader(request)
        let limit = query.limit()
        let cursor = query.cursor(parseID)
        try query.finish()
        let (sessions, hasMore) = try await services.sessions.sessions(
            of: request.userID, below: cursor ?? .max, limit: limit + 1
        ).page(limit)
        let next = hasMore ? sessions.last.map { "/sessions?limit=\(limit)&cursor=\($0.id)" } : nil
        return .page(next: next) { writer in
            for session in sessions {
                session.write(to: &writer, isCurrent: session.id == request.caller?.sessionID)
            }
        }
    }

    static func revoke(_ services: RestServices, _ request: RestRequest) async throws -> HTTPResponse {
        guard try await services.sessions.revoke(try request.id("id"), of: request.userID) else {
            throw Problem.notFound
        }
        return .noContent
    }
}

extension LoginSession {
    /// `{id, client, address, created_at, last_seen_at, current}`
    func write(to writer: inout JSONWriter, isCurrent: Bool) {
        writer.beginObject()
        writer.name("id")
        writer.id(id)
        writer.name("client")
        writer.string(client)
        writer.name("address")
        writer.string(address)
        writer.name("created_at")
        writer.time(milliseconds: IDGenerator.milliseconds(of: id))
        writer.name("last_seen_at")
        writer.time(milliseconds: lastSeenAt)
        writer.name("current")
        writer.bool(isCurrent)
        writer.endObject()
    }
}
