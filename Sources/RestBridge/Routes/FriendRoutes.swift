import JSON
import Persistence
import Topics
import Transport

/// Friend requests and friendships.
enum FriendRoutes {
    static func add(_ services: RestServices, _ request: RestRequest) async throws -> HTTPResponse {
        var body = try BodyReader(request)
        body.expectOne(of: "user_id", or: "username")
        let id = body.optional("user_id", .id)
        let name = body.optional("username", .string)
        try body.finish()
        var other = id
        if let name { other = try await services.users.userID(named: name.lowercased()) }
        guard let other else { throw Problem.notFound }
        let answer = try await handle(.add, with: other, field: id == nil ? "username" : "user_id", services, request)
        switch answer.verdict {
        case .pending(let isNew):
            return .json(isNew ? 201 : 200) { writer in
                writer.beginObject()
                writer.name("status")
                writer.string("pending")
                writeMembers(of: answer, "created_at", &writer, seenBy: request.userID)
                writer.endObject()
            }
        case .friends: return accepted(answer, request)
        case .alreadyFriends: throw Problem(.alreadyFriends, "You are friends already.")
        case .blocking: throw Problem(.blocked, "You block this user; unblock first.")
        case .done, .noSuchRequest: preconditionFailure("add does not come to \(answer.verdict)")
        }
    }

    static func accept(_ services: RestServices, _ request: RestRequest) async throws -> HTTPResponse {
        let answer = try await handleUserInBody(.accept, services, request)
        switch answer.verdict {
        case .friends: return accepted(answer, request)
        case .noSuchRequest: throw Problem.notFound
        case .done, .pending, .alreadyFriends, .blocking:
            preconditionFailure("accept does not come to \(answer.verdict)")
        }
    }

    static func decline(_ services: RestServices, _ request: RestRequest) async throws -> HTTPResponse {
        try noContent(try await handleUserInBody(.decline, services, request))
    }

    static func cancel(_ services: RestServices, _ request: RestRequest) async throws -> HTTPResponse {
        try noContent(try await handleUserInBody(.cancel, services, request))
    }

    static func remove(_ services: RestServices, _ request: RestRequest) async throws -> HTTPResponse {
        try noContent(try await handleUserInBody(.remove, services, request))
    }

    static func list(_ services: RestServices, _ request: RestRequest) async throws -> HTTPResponse {
        var query = try QueryReader(request)
        let limit = query.limit()
        let cursor = query.cursor(parseID)
        try query.finish()
        let (friends, hasMore) = try await services.friends.friends(
            of: request.userID, after: cursor ?? 0, limit: limit + 1
        ).page(limit)
        let next = hasMore ? friends.last.map { "/friends?limit=\(limit)&cursor=\($0.user.id)" } : nil
        return .page(next: next) { writer in
            for friend in friends {
                writer.beginObject()
                writer.name("user")
                friend.user.write(to: &writer, seenBy: request.userID)
                writer.name("topic")
                writer.string(TopicAddress.direct(between: request.userID, and: friend.user.id).name)
                writer.name("since")
                writer.time(milliseconds: friend.since)
                writer.endObject()
            }
        }
    }

    static func requests(_ services: RestServices, _ request: RestRequest) async throws -> HTTPResponse {
        let query = try QueryReader(request)
        try query.finish()
        let (incoming, outgoing) = try await services.friends.requests(of: request.userID)
        return .json { writer in
            writer.beginObject()
            writer.name("incoming")
            write(incoming, to: &writer, seenBy: request.userID)
            writer.name("outgoing")
            write(outgoing, to: &writer, seenBy: request.userID)
            writer.endObject()
        }
    }

    /// Lets an event happen between the caller and the user whom the body's `user_id` names.
    static func handleUserInBody(
        _ event: Relationship.Event, _ services: RestServices, _ request: RestRequest
    ) async throws -> FriendStore.Answer {
        var body = try BodyReader(request)
        let other = body.required("user_id", .id)
        try body.finish()
        guard let other else { preconditionFailure("finish lets no gap through") }
        return try await handle(event, with: other, field: "user_id", services, request)
    }

    private static func handle(
        _ event: Relationship.Event, with other: Int64, field: String, _ services: RestServices,
        _ request: RestRequest
    ) async throws -> FriendStore.Answer {
        guard other != request.userID else { throw Problem(field: field, "is you") }
        guard let answer = try await services.friends.handle(event, by: request.userID, with: other) else {
            throw Problem.notFound
        }
        return answer
    }

    private static func noContent(_ answer: FriendStore.Answer) throws -> HTTPResponse {
        switch answer.verdict {
        case .done: return .noContent
        case .noSuchRequest: throw Problem.notFound
        case .pending, .friends, .alreadyFriends, .blocking: preconditionFailure("not \(answer.verdict)")
        }
    }

    private static func accepted(_ answer: FriendStore.Answer, _ request: RestRequest) -> HTTPResponse {
        .json { writer in
            writer.beginObject()
            writer.name("status")
            writer.string("accepted")
            writeMembers(of: answer, "since", &writer, seenBy: request.userID)
            writer.name("topic")
            writer.string(TopicAddress.direct(between: request.userID, and: answer.other.id).name)
            writer.endObject()
        }
    }

    private static func writeMembers(
        of answer: FriendStore.Answer, _ since: StaticString, _ writer: inout JSONWriter, seenBy viewer: Int64
    ) {
        writer.name("user")
        answer.other.write(to: &writer, seenBy: viewer)
        writer.name(since)
        writer.time(milliseconds: answer.since)
    }

    private static func write(_ users: [DatedUser], to writer: inout JSONWriter, seenBy viewer: Int64) {
        writer.beginArray()
        for user in users { user.write(to: &writer, seenBy: viewer) }
        writer.endArray()
    }
}

extension DatedUser {
    /// `{user, created_at}`
    func write(to writer: inout JSONWriter, seenBy viewer: Int64) {
        writer.beginObject()
        writer.name("user")
        user.write(to: &writer, seenBy: viewer)
        writer.name("created_at")
        writer.time(milliseconds: since)
        writer.endObject()
    }
}
