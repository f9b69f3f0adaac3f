import Identity
import Testing

@testable import Persistence
@testable import RestBridge

/// Second factors, from their making to log-ins with them.
struct SecondFactorRouteTests {
    @Test func fromProposalToRemoval() async throws {
        let person = try await TestHub.shared.person(), hub = person.hub
        #expect(await person.call("POST", "/mfa/totp", #"{"password":"wrong"}"#).problem == "wrong-password")
        let proposed = await person.call("POST", "/mfa/totp", #"{"password":"correct horse"}"#)
        #expect(proposed.status == 201 && proposed["secret"]?.string?.utf8.count == 32)
        let url = try #require(proposed["otpauth_url"]?.string)
        #expect(url.hasPrefix("otpauth://totp/hub.example:\(person.name)?secret=\(proposed["secret"]!.string!)&"))
        #expect(await person.call("GET", "/profile")["mfa_enabled"]?.bool == false)
        #expect(await hub.logIn(person).status == 200, "it does not count yet")
        #expect(await person.call("POST", "/mfa/totp/confirm", #"{"otp":"000000x"}"#).problem == "invalid-otp")

        let other = await hub.logIn(person)
        let confirmed = await person.call("POST", "/mfa/totp/confirm", #"{"otp":"\#(try await person.code())"}"#)
        let codes = confirmed["recovery_codes"]?.array?.compactMap(\.string) ?? []
        #expect(confirmed.status == 200 && Set(codes).count == 10)
        #expect(await hub.call("GET", "/profile", token: other["access_token"]?.string).status == 401)
        let profile = await person.call("GET", "/profile")
        #expect(profile["mfa_enabled"]?.bool == true && profile["recovery_codes_left"]?.int64 == 10)
        #expect(await person.call("POST", "/mfa/totp", #"{"password":"correct horse"}"#).problem == "mfa-enabled")

        #expect(await hub.logIn(person).problem == "mfa-required")
        #expect(await hub.logIn(person, code: codes[0].uppercased()).status == 200)
        let again = await hub.logIn(person, code: codes[0])
        #expect(again.status == 401 && again.problem == "invalid-otp", "a recovery code is good once")
        #expect(await person.call("GET", "/profile")["recovery_codes_left"]?.int64 == 9)

        let renewed = await person.call(
            "POST", "/mfa/recovery-codes", #"{"password":"correct horse","otp":"\#(codes[1])"}"#)
        #expect(renewed.status == 200 && renewed["recovery_codes"]?.array?.count == 10)
        #expect(await hub.logIn(person, code: codes[2]).problem == "invalid-otp")
        let fresh = try #require(renewed["recovery_codes"]?.array?.first?.string)
        let table = [
            (#"{"password":"wrong","otp":"\#(fresh)"}"#, 403, "wrong-password"),
            (#"{"password":"correct horse","otp":"nonsense"}"#, 422, "invalid-otp"),
            (#"{"password":"correct horse"}"#, 422, "invalid-request"),
        ]
        for (body, status, problem) in table {
            let answer = await person.call("POST", "/mfa/totp/disable", body)
            #expect(answer.status == status && answer.problem == problem)
        }
        let disabled = await person.call(
            "POST", "/mfa/totp/disable", #"{"password":"correct horse","otp":"\#(fresh)"}"#)
        #expect(disabled.status == 204)
        #expect(await hub.logIn(person).status == 200)
        let nothing = await person.call(
            "POST", "/mfa/recovery-codes", #"{"password":"correct horse","otp":"123456"}"#)
        #expect(nothing.status == 404)
    }

    /// Each step is accepted once, whoever brings it and wherever.
    @Test func aStepCountsOnceOverTwoLogIns() async throws {
        let person = try await TestHub.shared.person(), hub = person.hub
        try await person.enableSecondFactor(lastStep: hub.step - 2)
        let code = try await person.code(at: hub.step)
        let first = await hub.logIn(person, code: code), second = await hub.logIn(person, code: code)
        #expect(first.status == 200 && second.status == 401 && second.problem == "invalid-otp")
        let third = await hub.logIn(person, code: try await person.code(at: hub.step + 1))
        #expect(third.status == 200)
        #expect(await hub.logIn(person, code: code).status == 401, "an earlier step than the last")
    }

    @Test func codesAreLimited() async throws {
        let person = try await TestHub.shared.person(), hub = person.hub
        try await person.enableSecondFactor(lastStep: hub.step - 2)
        for _ in 0..<5 { #expect(await hub.logIn(person, code: "nonsense", isLimited: true).status == 401) }
        let right = await hub.logIn(person, code: try await person.code(at: hub.step), isLimited: true)
        #expect(right.status == 429 && right.problem == "too-many-requests")
        #expect(right.header("Retry-After").flatMap { Int($0) }.map { 1...6 ~= $0 } == true)
    }

    @Test func anAdministratorsTokensHaveTheScope() async throws {
        let person = try await TestHub.shared.person(), hub = person.hub
        func scopes(_ answer: Answer) throws -> String {
            let token = Array(try #require(answer["access_token"]?.string).utf8)
            return try hub.authority.verify(token, now: hub.context.now() / 1000).scopes.names
        }
        #expect(try scopes(await hub.logIn(person)) == "user")
        let store = AdministrationStore(database: hub.context.database, now: hub.context.now)
        #expect(try await store.setAdmin(true, of: try #require(Int64(person.id))))
        let answer = await hub.logIn(person)
        #expect(try scopes(answer) == "user admin")
        let refreshed = await hub.call(
            "POST", "/token/refresh", #"{"refresh_token":"\#(answer["refresh_token"]!.string!)"}"#)
        #expect(try scopes(refreshed) == "user admin")
    }
}

extension TestHub {
    var step: Int64 { context.now() / 1000 / TOTP.stepSeconds }

    func logIn(
        _ person: Person, password: String = "correct horse", code: String? = nil, isLimited: Bool = false
    ) async -> Answer {
        let code = code.map { #","otp":"\#($0)""# } ?? ""
        return await call(
            "POST", "/login", #"{"username":"\#(person.name)","password":"\#(password)"\#(code)}"#,
            isLimited: isLimited)
    }
}

extension Person {
    private var userID: Int64 { Int64(id)! }

    /// What an authenticator app shows now, or in that step.
    func code(at step: Int64? = nil) async throws -> String {
        let factor = try #require(try await SecondFactorStore(context: hub.context).factor(of: userID))
        let secret = try #require(hub.box.open(factor.secret, context: "totp \(userID)"))
        return TOTP.code(secret: secret, step: step ?? hub.step)
    }

    /// Past the routes.
    func enableSecondFactor(lastStep: Int64) async throws {
        let store = SecondFactorStore(context: hub.context)
        let sealed = hub.box.seal(TOTP.newSecret(), context: "totp \(userID)")
        #expect(try await store.propose(sealed, for: userID))
        let session = try await LoginSessionStore(context: hub.context).sessions(of: userID, below: .max, limit: 1)
        let isConfirmed = try await store.confirm(
            sealed, step: lastStep, recoveryHashes: [], of: userID, keeping: session.first?.id)
        #expect(isConfirmed)
    }
}
