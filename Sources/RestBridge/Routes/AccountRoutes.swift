import Identity
import JSON
import Persistence
import Transport

/// Signing up, logging in, and the tokens that come of it.
enum AccountRoutes {
    static func signUp(_ services: RestServices, _ request: RestRequest) async throws -> HTTPResponse {
        var body = try BodyReader(request)
        let username = body.required("username", .username)
        let email = body.required("email", .email)
        let password = body.required("password", .newPassword)
        let displayName = body.optional("display_name", .displayName)
        try body.finish()
        guard let username, let email, let password else { preconditionFailure("finish lets no gap through") }
        let account = UserStore.NewAccount(
            username: username, email: email, passwordHash: try await services.hasher.hash(password),
            displayName: displayName ?? username)
        let refreshToken = Secrets.refreshToken()
        let outcome = try await services.users.signUp(
            account, session: newSession(request, refreshToken),
            letter: services.mailer?.letter(.verifyAddress, to: email))
        switch outcome {
        case .created(let profile, let grant):
            return tokens(
                grant, refreshToken, profile, .init(), services, status: 201, headers: [("Location", "/profile")])
        case .usernameTaken:
            throw Problem(.usernameTaken, "Choose another user name.")
        case .emailTaken:
            throw Problem(.emailTaken, "Log in, or use another e-mail address.")
        }
    }

    /// First the limit, then the password, then the code (security.md "Log-in"). One answer and one duration for unknown users and
    /// wrong passwords.
    static func logIn(_ services: RestServices, _ request: RestRequest) async throws -> HTTPResponse {
        var body = try BodyReader(request)
        body.expectOne(of: "username", or: "email")
        let username = body.optional("username", .string)
        let email = body.optional("email", .string)
        let password = body.required("password", .string)
        let code = body.optional("otp", .string)
        try body.finish()
        guard let password else { preconditionFailure("finish lets no gap through") }

        let credentials = try await services.passwords.logIn(
            password, username: username?.lowercased(), email: email?.lowercased(), from: request.network)
        guard let credentials, let profile = try await services.users.profile(credentials.userID) else {
            throw Problem(.invalidCredentials, "There is no such user, or the password is another one.")
        }
        switch try await services.factors.check(code, of: credentials.userID) {
        case .notNeeded, .right: break
        case .missing: throw Problem(.mfaRequired, "Send otp, a code of your authenticator or a recovery code, too.")
        case .wrong: throw Problem.wrongCode(status: 401)
        }
        try await services.users.noteLogin(of: credentials.userID, from: "\(request.network)")
        let refreshToken = Secrets.refreshToken()
        let grant = try await services.sessions.open(newSession(request, refreshToken), for: credentials.userID)
        let standing = try await services.accounts.standing(of: credentials.userID)
        return tokens(grant, refreshToken, profile, standing, services)
    }

    static func refresh(_ services: RestServices, _ request: RestRequest) async throws -> HTTPResponse {
        var body = try BodyReader(request)
        let old = body.required("refresh_token", .string)
        try body.finish()
        guard let old else { preconditionFailure("finish lets no gap through") }

        let new = Secrets.refreshToken()
        let grant = try await services.sessions.refresh(
            Secrets.digest(ofRefreshToken: old), replacement: Secrets.digest(ofRefreshToken: new))
        guard let grant, let profile = try await services.users.profile(grant.userID) else {
            throw Problem(.invalidToken, "The refresh token is not, or no longer, valid. Log in.")
        }
        return tokens(grant, new, profile, try await services.accounts.standing(of: grant.userID), services)
    }

    /// RFC 7517. Outsiders verify tokens with it, so it may be kept for a while.
    static func keySet(_ services: RestServices, _ request: RestRequest) -> HTTPResponse {
        HTTPResponse(
            status: 200,
            headers: [("Content-Type", "application/jwk-set+json"), ("Cache-Control", "public, max-age=300")],
            body: services.authority.keySet)
    }

    private static func newSession(_ request: RestRequest, _ refreshToken: String) -> NewLoginSession {
        NewLoginSession(
            client: String((request.http.header("user-agent") ?? "").prefix(200)), address: request.http.peerAddress,
            refreshHash: Secrets.digest(ofRefreshToken: refreshToken))
    }

    private static func tokens(
        _ grant: LoginGrant, _ refreshToken: String, _ profile: Profile, _ standing: AccountStore.Standing,
        _ services: RestServices, status: Int = 200, headers: [(name: String, value: String)] = []
    ) -> HTTPResponse {
        let now = services.now() / 1000
        // The expiry was settled in the database, a moment ago.
        let lifetime = max(1, grant.accessExpiresAt - now)
        let token = services.authority.mint(
            userID: grant.userID, sessionID: grant.sessionID, scopes: standing.isAdmin ? [.user, .admin] : .user,
            lifetimeSeconds: lifetime, now: now)
        return .json(status, headers: headers) { writer in
            writer.beginObject()
            writer.name("access_token")
            writer.string(token)
            writer.name("token_type")
            writer.string("Bearer")
            writer.name("expires_in")
            writer.number(lifetime)
            writer.name("refresh_token")
            writer.string(refreshToken)
            writer.name("user")
            profile.write(to: &writer, standing)
            writer.endObject()
        }
    }
}

extension Rule where Value == String {
    static var displayName: Rule { .text(Names.displayNameLength) }
    static var bio: Rule { .text(0...ProfileRoutes.bioLengthMax, lines: true) }

    fileprivate static var newPassword: Rule {
        Rule { value in
            guard let password = value.string else { return .failure(Flaw(message: "must be a string")) }
            guard let flaw = PasswordPolicy.check(password) else { return .success(password) }
            return .failure(Flaw(message: flaw.text))
        }
    }
}
