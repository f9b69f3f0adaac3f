import Identity
import Persistence
import Transport

/// Leaving: a copy of all that the account has, and its end.
enum ClosingRoutes {
    static func delete(_ services: RestServices, _ request: RestRequest) async throws -> HTTPResponse {
        var body = try BodyReader(request)
        let password = body.required("password", .string)
        let code = body.optional("otp", .string)
        try body.finish()
        let hash = try await services.confirm(password, request)
        try await services.factors.demand(code, of: request.userID)
        let isDeleted = try await services.accounts.delete(
            request.userID, passwordHash: hash, leavingName: leftName())
        guard isDeleted else { throw Problem(.wrongPassword, "The password was changed meanwhile.") }
        try await finish(request.userID, services)
        return .noContent
    }

    /// What a deleted account is called. Random: had somebody else taken the name before, the account could not be deleted.
    static func leftName() -> String { "deleted-" + Base32.encode(Secrets.randomBytes(10)).lowercased() }

    /// Ends friendships and memberships of a deleted account.
    static func finish(_ userID: Int64, _ services: RestServices) async throws {
        do throws(DatabaseError) {
            try await services.accounts.finishDeletion(of: userID)
        } catch .unavailable {
            // It is deleted all the same, and whoever cleans up finishes it.
        }
    }

    /// Page by page, so that no account is too large for it: the last line of one that goes on names the next.
    static func export(_ services: RestServices, _ request: RestRequest) async throws -> HTTPResponse {
        var query = try QueryReader(request)
        let cursor = query.cursor(ExportCursor.init)
        try query.finish()
        var page = ExportPage(services, userID: request.userID, currentSession: request.caller?.sessionID)
        try await page.fill(from: cursor ?? .start)
        var headers = [("Content-Type", "application/x-ndjson")]
        if let next = page.next { headers.append(("Link", "<\(next)>; rel=\"next\"")) }
        return HTTPResponse(status: 200, headers: headers, body: page.bytes)
    }
}
