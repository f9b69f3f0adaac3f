import Identity
import JSON
import Persistence
import Transport

/// Bots of the caller, and their tokens.
enum BotRoutes {
    static let tokenSecondsMax: Int64 = 365 * 86_400
    /// In characters.
    static let tokenNameLengthMax = 64

    static func create(_ services: RestServices, _ request: RestRequest) async throws -> HTTPResponse {
        var body = try BodyReader(request)
        let username = body.required("username", .username)
        let displayName = body.required("display_name", .displayName)
        try body.finish()
        guard let username, let displayName else { preconditionFailure("finish lets no gap through") }
        switch try await services.bots.create(username: username, displayName: displayName, ownerID: request.userID) {
        case .created(let bot):
            return .json(201, headers: [("Location", "/users/\(bot.id)")]) {
                bot.write(to: &$0, seenBy: request.userID)
            }
        case .usernameTaken: throw Problem(.usernameTaken, "Choose another user name.")
        case .tooMany: throw Problem(.limitReached, "A user has at most \(BotStore.botsMax) bots.")
        case .noOwner: throw Problem.notFound
        }
    }

    static func list(_ services: RestServices, _ request: RestRequest) async throws -> HTTPResponse {
        var query = try QueryReader(request)
        let limit = query.limit()
        let cursor = query.cursor(parseID)
        try query.finish()
        let (bots, hasMore) = try await services.bots.bots(
            of: request.userID, after: cursor ?? 0, limit: limit + 1
        ).page(limit)
        let next = hasMore ? bots.last.map { "/bots?limit=\(limit)&cursor=\($0.id)" } : nil
        return .page(next: next) { writer in
            for bot in bots { bot.write(to: &writer, seenBy: request.userID) }
        }
    }

    /// Its messages stay, as a deleted user's do.
    static func delete(_ services: RestServices, _ request: RestRequest) async throws -> HTTPResponse {
        let id = try request.id("id")
        guard try await services.bots.delete(id, of: request.userID, leavingName: ClosingRoutes.leftName()) else {
            throw Problem.notFound
        }
        try await ClosingRoutes.finish(id, services)
        return .noContent
    }

    // MARK: Tokens

    /// The only answer that holds the token.
    static func createToken(_ services: RestServices, _ request: RestRequest) async throws -> HTTPResponse {
        let id = try request.id("id")
        var body = try BodyReader(request, orNothing: true)
        let name = body.optional("name", .text(1...tokenNameLengthMax))
        let seconds = body.optional("expires_in", .number(1...tokenSecondsMax)) ?? tokenSecondsMax
        try body.finish()
        let now = services.now() / 1000
        let outcome = try await services.botTokens.create(
            name: name, expiresAt: (now + seconds) * 1000, for: id, of: request.userID)
        switch outcome {
        case .created(let kept):
            let token = services.authority.mint(
                userID: id, sessionID: nil, botTokenID: kept.id, scopes: .bot, lifetimeSeconds: seconds, now: now)
            return .json(201) { kept.write(to: &$0, token: token) }
        case .tooMany: throw Problem(.limitReached, "A bot has at most \(BotTokenStore.tokensMax) tokens.")
        case .notFound: throw Problem.notFound
        }
    }

    static func listTokens(_ services: RestServices, _ request: RestRequest) async throws -> HTTPResponse {
        let id = try request.id("id")
        var query = try QueryReader(request)
        let limit = query.limit()
        let cursor = query.cursor(parseID)
        try query.finish()
        let found = try await services.botTokens.tokens(
            of: id, ownedBy: request.userID, after: cursor ?? 0, limit: limit + 1)
        guard let (tokens, hasMore) = found?.page(limit) else { throw Problem.notFound }
        let next = hasMore ? tokens.last.map { "/bots/\(id)/tokens?limit=\(limit)&cursor=\($0.id)" } : nil
        return .page(next: next) { writer in
            for token in tokens { token.write(to: &writer, token: nil) }
        }
    }

    static func revokeToken(_ services: RestServices, _ request: RestRequest) async throws -> HTTPResponse {
        let (bot, token) = (try request.id("id"), try request.id("token_id"))
        guard try await services.botTokens.revoke(token, of: bot, ownedBy: request.userID) else {
            throw Problem.notFound
        }
        return .noContent
    }
}

extension BotToken {
    /// `{id, name?, token?, created_at, expires_at, last_used_at?}`
    /// - Parameter token: where it is shown.
    fileprivate func write(to writer: inout JSONWriter, token: String?) {
        writer.beginObject()
        writer.name("id")
        writer.id(id)
        if let name {
            writer.name("name")
            writer.string(name)
        }
        if let token {
            writer.name("token")
            writer.string(token)
        }
        writer.name("created_at")
        writer.time(milliseconds: IDGenerator.milliseconds(of: id))
        writer.name("expires_at")
        writer.time(milliseconds: expiresAt)
        if let lastUsedAt {
            writer.name("last_used_at")
            writer.time(milliseconds: lastUsedAt)
        }
        writer.endObject()
    }
}
