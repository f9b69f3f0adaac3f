import Identity
import JSON
import Persistence
import Transport

/// Invitations to groups: codes that let whoever has them in.
enum InviteRoutes {
    private static let secondsDefault: Int64 = 7 * 86_400
    static let secondsMax: Int64 = 365 * 86_400

    static func create(_ services: RestServices, _ request: RestRequest) async throws -> HTTPResponse {
        let group = try request.id("id")
        var body = try BodyReader(request, orNothing: true)
        let seconds = body.optional("expires_in", .number(1...secondsMax)) ?? secondsDefault
        let uses = body.optional("uses", .number(1...GroupStore.membersMax))
        try body.finish()
        let invite = try await services.invites.create(
            code: Secrets.inviteCode(), expiresAt: services.now() + seconds * 1000, uses: uses, groupID: group,
            by: request.userID
        ).get()
        return .json(201, headers: [("Location", "/invites/\(invite.code)")]) {
            invite.write(to: &$0, publicURL: services.publicURL)
        }
    }

    static func list(_ services: RestServices, _ request: RestRequest) async throws -> HTTPResponse {
        let group = try request.id("id")
        var query = try QueryReader(request)
        let limit = query.limit()
        let cursor = query.cursor(parseID)
        try query.finish()
        let (invites, hasMore) = try await services.invites.invites(
            of: group, for: request.userID, after: cursor ?? 0, limit: limit + 1
        ).get().page(limit)
        let next = hasMore ? invites.last.map { "/groups/\(group)/invites?limit=\(limit)&cursor=\($0.id)" } : nil
        return .page(next: next) { writer in
            for invite in invites { invite.write(to: &writer, publicURL: services.publicURL) }
        }
    }

    static func revoke(_ services: RestServices, _ request: RestRequest) async throws -> HTTPResponse {
        try await services.invites.revoke(request.text("code"), of: try request.id("id"), by: request.userID).get()
        return .noContent
    }

    static func show(_ services: RestServices, _ request: RestRequest) async throws -> HTTPResponse {
        let preview = try await services.invites.preview(request.text("code")).get()
        return .json { writer in
            writer.beginObject()
            writer.name("name")
            writer.string(preview.name)
            if let picture = preview.picture {
                writer.name("picture")
                writer.id(picture)
            }
            writer.name("member_count")
            writer.number(preview.memberCount)
            writer.endObject()
        }
    }

    static func accept(_ services: RestServices, _ request: RestRequest) async throws -> HTTPResponse {
        try BodyReader.expectNone(request)
        let group = try await services.invites.accept(request.text("code"), by: request.userID).get()
        return .json { group.write(to: &$0) }
    }
}

extension Invite {
    /// `{code, url, creator_id, created_at, expires_at, uses_left?}`
    fileprivate func write(to writer: inout JSONWriter, publicURL: String) {
        writer.beginObject()
        writer.name("code")
        writer.string(code)
        writer.name("url")
        writer.string("\(publicURL)/invites/\(code)")
        writer.name("creator_id")
        writer.id(creatorID)
        writer.name("created_at")
        writer.time(milliseconds: IDGenerator.milliseconds(of: id))
        writer.name("expires_at")
        writer.time(milliseconds: expiresAt)
        if let usesLeft {
            writer.name("uses_left")
            writer.number(usesLeft)
        }
        writer.endObject()
    }
}

extension InviteStore.Outcome {
    @discardableResult
    fileprivate func get() throws(Problem) -> Value {
        switch self {
        case .done(let value): return value
        case .notFound: throw .notFound
        case .forbidden: throw .forbidden("Only admins invite.")
        case .tooMany:
            throw Problem(.limitReached, "A group has at most \(InviteStore.invitesMax) invitations; revoke some.")
        }
    }
}

extension InviteStore.Invitation {
    fileprivate func get() throws(Problem) -> Value {
        switch self {
        case .good(let value): return value
        case .notFound: throw .notFound
        case .over: throw Problem(.inviteGone, "Ask for a new one.")
        case .full: throw Problem(.groupFull, "A group has at most \(GroupStore.membersMax) members.")
        }
    }
}
