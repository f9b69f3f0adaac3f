import Broker
import Diagnostics
import Identity
import Persistence
import Transport

/// The HTTP API (rest.md): takes a complete request, answers a complete response. Knows no sockets.
package final class RestAPI: Sendable {
    private let services: RestServices
    private let router: Router
    private let logger: Logger
    private let ids: IDGenerator
    private let proxies: TrustedProxies
    private let admissions: Admissions
    /// For `WWW-Authenticate` (RFC 6750 §3).
    private let challenge: String
    private let crossOrigin: CrossOrigin
    /// The hub has a name in public, under which browsers are to use TLS only.
    private let isPublic: Bool

    /// - Parameters:
    ///   - context: the database, ids, observers and clock of all stores.
    ///   - admissions: hears of the revocations in `context`.
    ///   - rights: hears of its entries, and of those ends, too.
    ///   - publicURL: the hub's own address, named in challenges and links.
    ///   - swaggerUI: nil: `/docs` says how to install it.
    package init(
        context: DomainContext, admissions: Admissions, rights: KnownRights, attachments: AttachmentService,
        publisher: any MessagePublisher,
        devices: any DeviceSource, authority: TokenAuthority, tokens: TokenVerifier, outsiders: OutsideUsers,
        hasher: PasswordHasher,
        security: AccountSecurity, publicURL: String, swaggerUI: SwaggerUI? = nil, logger: Logger
    ) {
        let users = UserStore(context: context)
        let throttle = LoginThrottle(security.limits, now: SystemClock.monotonicMilliseconds)
        services = RestServices(
            users: users, sessions: LoginSessionStore(context: context),
            friends: FriendStore(context: context), groups: GroupStore(context: context),
            invites: InviteStore(context: context), bots: BotStore(context: context),
            botTokens: BotTokenStore(context: context), devices: DeviceStore(context.database), liveDevices: devices,
            directory: DirectoryStore(context: context), rights: rights, history: HistoryStore(context: context),
            conversations: ConversationStore(context: context), search: SearchStore(context: context),
            unread: UnreadStore(context: context), attachments: attachments, publisher: publisher,
            authority: authority, tokens: tokens, outsiders: outsiders, hasher: hasher,
            accounts: AccountStore(context: context), export: ExportStore(context: context),
            mailedCodes: MailedCodeStore(context: context),
            passwords: PasswordGate(users: users, hasher: hasher, throttle: throttle),
            factors: SecondFactors(
                store: SecondFactorStore(context: context), box: security.box, throttle: throttle, now: context.now),
            throttle: throttle,
            limiter: RouteLimiter(security.limits, security.allowances, now: SystemClock.monotonicMilliseconds),
            repeatable: RepeatableRequests(store: RequestKeyStore(context: context), logger: logger),
            documents: DocumentPages(swaggerUI),
            mailer: security.mailer, hubName: security.hubName, publicURL: publicURL, now: context.now)
        router = Router(Route.all)
        self.logger = logger
        ids = context.ids
        self.admissions = admissions
        proxies = security.proxies
        challenge = "Bearer realm=\"\(publicURL)\""
        crossOrigin = CrossOrigin(publicURL: publicURL, others: security.origins)
        isPublic = WebOrigin(ofURL: publicURL).map { $0.isSecure && !$0.isNumeric } ?? false
    }

    /// Answers HEAD like GET, body included, so that whoever writes the response can tell its length.
    /// - Parameter isSecure: it came over TLS.
    package func respond(to request: HTTPRequest, isSecure: Bool) async -> HTTPResponse {
        let requestID = String(ids.next(), radix: 36)
        var request = request
        let isSecure = isSecure || proxies.saysSecure(request)
        request.peerAddress = proxies.client(of: request)
        var response: HTTPResponse
        do {
            response = try await answer(request, requestID: requestID)
        } catch {
            response = HTTPResponse(problem(for: error, requestID: requestID, request), requestID: requestID)
        }
        addCommonHeaders(to: &response, requestID: requestID, isSecure: isSecure)
        response.headers += crossOrigin.headers(request)
        return response
    }

    private func answer(_ http: HTTPRequest, requestID: String) async throws -> HTTPResponse {
        switch router.match(method: http.method, path: http.path) {
        case .malformedPath:
            throw Problem(.badRequest, "The path is not percent-encoded UTF-8.")
        case .nothing:
            throw Problem.notFound
        case .otherMethods(let allow):
            throw Problem(.methodNotAllowed, "Use one of \(allow).", headers: [("Allow", allow)])
        case .options(let allow):
            let headers = crossOrigin.preflightHeaders(http, allow: allow)
            return HTTPResponse(status: 204, headers: [("Allow", allow)] + headers)
        case .route(let route, let parameters):
            if route.isJSON { try checkAccept(http) }
            var request = RestRequest(http: http, requestID: requestID, parameters: parameters)
            switch route.authentication {
            case .none: break
            case .token: request.caller = try await authenticate(http)
            case .person:
                let caller = try await authenticate(http)
                guard caller.scopes.contains(.user) else { throw insufficientScope("user") }
                request.caller = caller
            }
            guard let limit = route.limit else { return await performOnce(route, request) }
            return try await services.limiter.limit(limit, request) { await performOnce(route, request) }
        }
    }

    /// A request with an `Idempotency-Key` is performed once, where the route takes one.
    private func performOnce(_ route: Route, _ request: RestRequest) async -> HTTPResponse {
        guard route.repeats != .notKept else { return await perform(route, request) }
        do {
            guard let key = try request.http.idempotencyKey() else { return await perform(route, request) }
            return try await services.repeatable.answer(request, key: key, route.repeats) {
                await perform(route, request)
            }
        } catch {
            return answer(error, request)
        }
    }

    private func perform(_ route: Route, _ request: RestRequest) async -> HTTPResponse {
        do {
            return try await route.handler(services, request)
        } catch {
            return answer(error, request)
        }
    }

    private func answer(_ error: any Error, _ request: RestRequest) -> HTTPResponse {
        HTTPResponse(
            problem(for: error, requestID: request.requestID, request.http), requestID: request.requestID)
    }

    /// RFC 9110 §12.5.1, as far as a server needs it that has JSON only.
    private func checkAccept(_ request: HTTPRequest) throws(Problem) {
        guard let header = request.header("accept") else { return }
        let accepted = header.split(separator: ",").map { trimmed($0.prefix { $0 != ";" }).lowercased() }
        let ours = [
            "*/*", "application/*", "application/json", "application/problem+json", "application/jwk-set+json",
            "application/x-ndjson",
        ]
        guard accepted.isEmpty || accepted.contains(where: ours.contains) else {
            throw Problem(.notAcceptable, "Accept application/json.")
        }
    }

    /// RFC 6750 §2.1.
    private func authenticate(_ request: HTTPRequest) async throws -> Caller {
        guard let header = request.header("authorization") else {
            throw Problem(
                .authenticationRequired, "Send Authorization: Bearer with an access token.",
                headers: [("WWW-Authenticate", challenge)])
        }
        let scheme = header.utf8.prefix { $0 != UInt8(ascii: " ") }
        guard String(Substring(scheme)).lowercased() == "bearer" else {
            throw invalidToken("The scheme must be Bearer.")
        }
        let token = Array(trimmed(header[scheme.endIndex...]).utf8), now = services.now()
        let known = admissions.find(token, now: now)
        if let caller = known.caller { return caller }
        let claims = if let claims = known.claims { claims } else { try await verify(token, now: now) }
        guard let caller = try await caller(claims) else {
            throw invalidToken("The session has ended, or the token was revoked.")
        }
        admissions.note(token, claims, caller, known, now: now)
        return caller
    }

    private func verify(_ token: [UInt8], now: Int64) async throws -> Claims {
        let verified: VerifiedToken
        do throws(TokenError) {
            verified = try services.tokens.verify(token, now: now / 1000)
        } catch {
            throw invalidToken(error == .expired ? "The token has expired." : "The token is not valid.")
        }
        return try await services.outsiders.claims(of: verified)
    }

    private func caller(_ claims: Claims) async throws(DatabaseError) -> Caller? {
        if let sessionID = claims.sessionID {
            let isLive = try await services.sessions.admit(
                userID: claims.userID, sessionID: sessionID, accessExpiresAt: claims.expiresAt)
            return isLive ? Caller(claims, isBot: false) : nil
        }
        if let tokenID = claims.botTokenID {
            let isGood = try await services.sessions.admit(userID: claims.userID, botTokenID: tokenID)
            return isGood ? Caller(claims, isBot: true) : nil
        }
        return try await services.sessions.standing(of: claims.userID).map { Caller(claims, isBot: $0 == .bot) }
    }

    /// RFC 6750 §3.1.
    private func insufficientScope(_ scope: String) -> Problem {
        Problem(
            .insufficientScope, "This takes a token with the scope \(scope), which bots and services don't have.",
            headers: [("WWW-Authenticate", "\(challenge), error=\"insufficient_scope\", scope=\"\(scope)\"")])
    }

    private func invalidToken(_ detail: String) -> Problem {
        Problem(
            .invalidToken, detail,
            headers: [("WWW-Authenticate", "\(challenge), error=\"invalid_token\", error_description=\"\(detail)\"")])
    }

    /// The one place where errors of the layers below become answers; what they say goes to the log, not to the client.
    private func problem(for error: any Error, requestID: String, _ request: HTTPRequest) -> Problem {
        switch error {
        case var problem as Problem:
            // RFC 9110 §11.6.1: every 401 has a challenge.
            if problem.status == 401, !problem.headers.contains(where: { $0.name == "WWW-Authenticate" }) {
                problem.headers.append(("WWW-Authenticate", challenge))
            }
            return problem
        case DatabaseError.unavailable(let reason):
            logger.warning("request failed: database unavailable request_id=\(requestID) reason=\(reason)")
            return .tryLater(.unavailable, "The database does not answer. Try again.")
        case is HTTPRequestStream.Aborted:
            // Nobody is there to read it.
            return Problem(.badRequest, "The body ended early.")
        case PasswordHasherError.saturated:
            return .tryLater(.overloaded, "Too many log-ins at once. Try again.", afterSeconds: 5)
        default:
            logger.error("request failed: \(request.method) \(request.path) request_id=\(requestID) error=\(error)")
            return Problem(.internalError, "Tell the operator the request_id.")
        }
    }

    /// What every answer says (security.md "REST"). Where a route says it otherwise, that stands.
    private func addCommonHeaders(to response: inout HTTPResponse, requestID: String, isSecure: Bool) {
        var common = [
            ("X-Request-Id", requestID), ("Cache-Control", "no-store"), ("X-Content-Type-Options", "nosniff"),
            // Whatever an attachment is, it does nothing when somebody opens it.
            ("Content-Security-Policy", "default-src 'none'; sandbox; frame-ancestors 'none'"),
        ]
        // Not to be said without TLS (RFC 6797 §7.2), nor by a hub that somebody tries on localhost.
        if isSecure, isPublic { common.append(("Strict-Transport-Security", "max-age=31536000")) }
        for (name, value) in common where !response.headers.contains(where: { $0.name == name }) {
            response.headers.append((name, value))
        }
    }
}
