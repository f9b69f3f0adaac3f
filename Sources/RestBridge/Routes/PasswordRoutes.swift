import Identity
import Persistence
import Transport

/// Changing a password, and what is mailed: proofs of an address, and codes to set a password that was forgotten.
enum PasswordRoutes {
    static func change(_ services: RestServices, _ request: RestRequest) async throws -> HTTPResponse {
        var body = try BodyReader(request)
        let current = body.required("current_password", .string)
        let new = body.required("new_password", .string)
        let code = body.optional("otp", .string)
        try body.finish()
        guard let new else { preconditionFailure("finish lets no gap through") }
        try checkStrength(new)
        let hash = try await services.confirm(current, request)
        try await services.factors.demand(code, of: request.userID)
        let isChanged = try await services.users.changePassword(
            of: request.userID, from: hash, to: try await services.hasher.hash(new),
            keeping: request.caller?.sessionID)
        guard isChanged else { throw Problem(.wrongPassword, "The password was changed meanwhile.") }
        return .noContent
    }

    /// The answer comes before anything is looked up: neither it nor its duration tells whether there is such an account.
    static func forgot(_ services: RestServices, _ request: RestRequest) async throws -> HTTPResponse {
        let mailer = try mailer(services)
        var body = try BodyReader(request)
        let email = body.required("email", .email)
        try body.finish()
        guard let email else { preconditionFailure("finish lets no gap through") }
        let wait = services.throttle.take(.mail(request.network))
        guard wait == 0 else { throw Problem.tooMany(afterMilliseconds: wait) }
        let isTaken = mailer.inBackground {
            // What fails here the user sees as a mail that does not come, and asks again.
            guard let user = try? await services.mailedCodes.user(withEmail: email) else { return }
            _ = try? await services.mailedCodes.send(mailer.letter(.resetPassword, to: email), to: user)
        }
        guard isTaken else { throw Problem.tryLater(.overloaded, "Too many requests at once. Try again.") }
        return HTTPResponse(status: 202)
    }

    static func reset(_ services: RestServices, _ request: RestRequest) async throws -> HTTPResponse {
        _ = try mailer(services)
        var body = try BodyReader(request)
        let code = body.required("code", .string)
        let new = body.required("new_password", .string)
        try body.finish()
        guard let code, let new else { preconditionFailure("finish lets no gap through") }
        try checkStrength(new)
        let digest = Secrets.digest(ofMailedCode: code)
        try await useCode(services, request) {
            // Nobody without a code makes the hub hash.
            guard try await services.mailedCodes.isGood(digest, for: .resetPassword) else { return false }
            return try await services.mailedCodes.resetPassword(digest, to: try await services.hasher.hash(new))
        }
        return .noContent
    }

    static func verifyAddress(_ services: RestServices, _ request: RestRequest) async throws -> HTTPResponse {
        _ = try mailer(services)
        var body = try BodyReader(request)
        let code = body.required("code", .string)
        try body.finish()
        guard let code else { preconditionFailure("finish lets no gap through") }
        try await useCode(services, request) {
            try await services.mailedCodes.verifyAddress(Secrets.digest(ofMailedCode: code))
        }
        return .noContent
    }

    private static func useCode(
        _ services: RestServices, _ request: RestRequest, _ use: () async throws -> Bool
    ) async throws {
        let wait = services.throttle.take(.mailedCode(request.network))
        guard wait == 0 else { throw Problem.tooMany(afterMilliseconds: wait) }
        guard try await use() else {
            throw Problem(.invalidCode, "The code is wrong, was used before, or is too old.")
        }
        services.throttle.giveBack(.mailedCode(request.network))
    }

    private static func mailer(_ services: RestServices) throws(Problem) -> Mailer {
        guard let mailer = services.mailer else { throw Problem(.mailNotConfigured, "This hub sends no mail.") }
        return mailer
    }

    private static func checkStrength(_ password: String) throws(Problem) {
        guard let flaw = PasswordPolicy.check(password)?.text else { return }
        var problem = Problem(.weakPassword, "new_password \(flaw).")
        problem.errors = [FieldError(field: "new_password", message: flaw)]
        throw problem
    }
}

extension PasswordPolicy.Problem {
    /// What follows the name of the member.
    var text: String {
        switch self {
        case .tooShort: "must have at least \(PasswordPolicy.lengthMin) characters"
        case .tooLong: "must have at most \(PasswordPolicy.lengthMax) characters"
        case .tooCommon: "is one of those that everybody tries first"
        }
    }
}
