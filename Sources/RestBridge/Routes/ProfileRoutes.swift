import Persistence
import Transport

/// The caller's own profile.
enum ProfileRoutes {
    /// In characters.
    static let bioLengthMax = 500

    static func show(_ services: RestServices, _ request: RestRequest) async throws -> HTTPResponse {
        guard let profile = try await services.users.profile(request.userID) else { throw Problem.notFound }
        return try await answer(profile, services)
    }

    /// PUT is full: what is absent, or null, goes.
    static func replace(_ services: RestServices, _ request: RestRequest) async throws -> HTTPResponse {
        var body = try BodyReader(request)
        let displayName = body.required("display_name", .displayName)
        let bio = body.optional("bio", .bio)
        let avatar = body.optional("avatar", .id)
        try body.finish()
        let change = UserStore.ProfileChange(
            displayName: displayName, bio: bio ?? "", avatar: AttachmentChange(avatar))
        return try await update(change, services, request)
    }

    /// RFC 7396.
    static func patch(_ services: RestServices, _ request: RestRequest) async throws -> HTTPResponse {
        var body = try BodyReader(request)
        var change = UserStore.ProfileChange()
        switch body.patch("display_name", .displayName) {
        case .absent: break
        case .removed: body.refuse("display_name", "cannot be removed")
        case .set(let name): change.displayName = name
        }
        switch body.patch("bio", .bio) {
        case .absent: break
        case .removed: change.bio = ""
        case .set(let bio): change.bio = bio
        }
        change.avatar = AttachmentChange(body.patch("avatar", .id))
        try body.finish()
        return try await update(change, services, request)
    }

    private static func update(
        _ change: UserStore.ProfileChange, _ services: RestServices, _ request: RestRequest
    ) async throws -> HTTPResponse {
        let outcome = try await services.users.updateProfile(
            request.userID, change, ifVersionIn: request.versionsToMatch)
        switch outcome {
        case .done(let profile): return try await answer(profile, services)
        case .stale: throw Problem(.preconditionFailed, "Read the profile again.")
        case .attachmentMissing: throw Problem(field: "avatar", "is no attachment that you may load")
        }
    }

    private static func answer(_ profile: Profile, _ services: RestServices) async throws -> HTTPResponse {
        let standing = try await services.accounts.standing(of: profile.user.id)
        return .json(headers: [("ETag", "\"v\(profile.version)\"")]) { profile.write(to: &$0, standing) }
    }
}
