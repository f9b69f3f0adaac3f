import Identity
import Persistence
import Transport

/// Authenticators (TOTP) and recovery codes. A token alone changes none of them: each call needs the password too.
enum SecondFactorRoutes {
    static func propose(_ services: RestServices, _ request: RestRequest) async throws -> HTTPResponse {
        var body = try BodyReader(request)
        let password = body.required("password", .string)
        try body.finish()
        try await services.confirm(password, request)
        guard let profile = try await services.users.profile(request.userID) else { throw Problem.notFound }
        guard let secret = try await services.factors.propose(for: request.userID) else {
            throw Problem(.mfaEnabled, "Disable the second factor first.")
        }
        return .json(201) { writer in
            writer.beginObject()
            writer.name("secret")
            writer.string(Base32.encode(secret))
            writer.name("otpauth_url")
            writer.string(TOTP.url(secret: secret, issuer: services.hubName, account: profile.user.username))
            writer.endObject()
        }
    }

    static func confirm(_ services: RestServices, _ request: RestRequest) async throws -> HTTPResponse {
        var body = try BodyReader(request)
        let code = body.required("otp", .string)
        try body.finish()
        guard let code else { preconditionFailure("finish lets no gap through") }
        let codes = try await services.factors.confirm(
            code, of: request.userID, keeping: request.caller?.sessionID)
        guard let codes else { throw Problem.wrongCode }
        return answer(codes)
    }

    static func disable(_ services: RestServices, _ request: RestRequest) async throws -> HTTPResponse {
        try await authorize(services, request)
        try await services.factors.store.disable(request.userID, keeping: request.caller?.sessionID)
        return .noContent
    }

    static func renewCodes(_ services: RestServices, _ request: RestRequest) async throws -> HTTPResponse {
        try await authorize(services, request)
        let codes = SecondFactors.newCodes()
        try await services.factors.store.renewCodes(
            codes.map(RecoveryCode.digest), of: request.userID, keeping: request.caller?.sessionID)
        return answer(codes)
    }

    /// Password and code of an account that has a second factor.
    private static func authorize(_ services: RestServices, _ request: RestRequest) async throws {
        var body = try BodyReader(request)
        let password = body.required("password", .string)
        let code = body.required("otp", .string)
        try body.finish()
        try await services.confirm(password, request)
        switch try await services.factors.check(code, of: request.userID) {
        case .right: return
        case .wrong: throw Problem.wrongCode
        case .notNeeded: throw Problem(.notFound, "The account has no second factor.")
        case .missing: preconditionFailure("finish lets no gap through")
        }
    }

    private static func answer(_ codes: [String]) -> HTTPResponse {
        .json { writer in
            writer.beginObject()
            writer.name("recovery_codes")
            writer.beginArray()
            for code in codes { writer.string(code) }
            writer.endArray()
            writer.endObject()
        }
    }
}

extension RestServices {
    /// - Returns: the hash that the caller's own password matches.
    @discardableResult
    func confirm(_ password: String?, _ request: RestRequest) async throws -> String {
        guard let password else { preconditionFailure("finish lets no gap through") }
        let hash = try await passwords.confirm(password, of: request.userID, from: request.network)
        guard let hash else { throw Problem(.wrongPassword, "The password is another one.") }
        return hash
    }
}
