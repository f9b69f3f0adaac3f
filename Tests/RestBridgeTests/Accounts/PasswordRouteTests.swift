import Identity
import JSON
import Testing

@testable import Persistence
@testable import RestBridge

/// Passwords: changed, forgotten, guessed.
struct PasswordRouteTests {
    @Test func change() async throws {
        let person = try await TestHub.shared.person(), hub = person.hub
        let other = await hub.logIn(person)
        let table = [
            (#"{"current_password":"wrong","new_password":"a fresh password"}"#, 403, "wrong-password"),
            (#"{"current_password":"correct horse","new_password":"short"}"#, 422, "weak-password"),
            (#"{"current_password":"correct horse","new_password":"Password123"}"#, 422, "weak-password"),
            (#"{"current_password":"correct horse"}"#, 422, "invalid-request"),
        ]
        for (body, status, problem) in table {
            let answer = await person.call("POST", "/password", body)
            #expect(answer.status == status && answer.problem == problem, "\(body)")
            #expect(status != 422 || answer.fields == ["new_password"])
        }
        let body = #"{"current_password":"correct horse","new_password":"a fresh password"}"#
        #expect(await person.call("POST", "/password", body).status == 204)
        #expect(await person.call("GET", "/profile").status == 200, "the own session goes on")
        #expect(await hub.call("GET", "/profile", token: other["access_token"]?.string).status == 401)
        #expect(await hub.logIn(person).status == 401)
        #expect(await hub.logIn(person, password: "a fresh password").status == 200)
    }

    @Test func changeNeedsTheSecondFactor() async throws {
        let person = try await TestHub.shared.person(), hub = person.hub
        try await person.enableSecondFactor(lastStep: hub.step - 2)
        func change(_ more: String) async -> Answer {
            await person.call(
                "POST", "/password", #"{"current_password":"correct horse","new_password":"a fresh password"\#(more)}"#)
        }
        #expect(await change("").problem == "invalid-otp")
        #expect(await change(#","otp":"no code""#).status == 422)
        #expect(await change(#","otp":"\#(try await person.code())""#).status == 204)
    }

    // MARK: Mail

    @Test func forgottenAndReset() async throws {
        let person = try await TestHub.shared.person(), hub = person.hub
        for email in ["nobody-of-that-name@example.org", "\(person.name.uppercased())@Example.org"] {
            let answer = await hub.call("POST", "/password/forgot", #"{"email":"\#(email)"}"#)
            #expect(answer.status == 202 && answer.response.body.isEmpty)
        }
        let mail = try await hub.mail(to: "\(person.name)@example.org")
        #expect(mail.hasPrefix("From: \"hub.example\" <hub@hub.example>\nTo: \(person.name)@example.org\nSubject: "))
        let code = try #require(mail.split(separator: "\n").first { $0.utf8.count == 22 && !$0.contains(" ") })
        func reset(_ code: some StringProtocol, _ password: String) async -> Answer {
            await hub.call("POST", "/password/reset", #"{"code":"\#(code)","new_password":"\#(password)"}"#)
        }
        #expect(await reset(code, "short").problem == "weak-password")
        #expect(await reset("\(code)x", "a fresh password").problem == "invalid-code")
        #expect(await reset(code, "a fresh password").status == 204)
        #expect(await reset(code, "another password").problem == "invalid-code", "a code is good once")
        #expect(await person.call("GET", "/profile").status == 401, "all sessions have ended")
        #expect(await hub.logIn(person, password: "a fresh password")["user", "email_verified"]?.bool == true)
    }

    @Test func signUpIsVerified() async throws {
        let hub = try await TestHub.shared
        let answer = await hub.call(
            "POST", "/signup", #"{"username":"verified","email":"verified@example.org","password":"correct horse"}"#)
        #expect(answer["user", "email_verified"]?.bool == false)
        let mail = try await hub.mail(to: "verified@example.org")
        let code = try #require(mail.split(separator: "\n").first { $0.utf8.count == 22 && !$0.contains(" ") })
        #expect(await hub.call("POST", "/email/verify", #"{"code":"nonsense"}"#).problem == "invalid-code")
        #expect(await hub.call("POST", "/email/verify", #"{"code":"\#(code)"}"#).status == 204)
        let token = answer["access_token"]?.string
        #expect(await hub.call("GET", "/profile", token: token)["email_verified"]?.bool == true)
    }

    /// The hub whose limits are on has no mail.
    @Test(arguments: [
        ("/password/forgot", #"{"email":"a@b"}"#),
        ("/password/reset", #"{"code":"x","new_password":"a fresh password"}"#),
        ("/email/verify", #"{"code":"x"}"#),
    ])
    func withoutMail(path: String, body: String) async throws {
        let answer = await (try TestHub.shared).call("POST", path, body, isLimited: true)
        #expect(answer.status == 501 && answer.problem == "mail-not-configured")
    }

    // MARK: Limits

    @Test func logInsAreLimited() async throws {
        let hub = try await TestHub.shared
        let person = try await hub.person()
        func tryOnce(_ name: String, _ password: String, from address: String) async -> Answer {
            await hub.call(
                "POST", "/login", #"{"username":"\#(name)","password":"\#(password)"}"#, from: address, isLimited: true)
        }
        var details: Set<String> = []
        for (name, address) in [(person.name, "192.0.2.10"), ("nobody-\(person.name)", "192.0.2.11")] {
            for _ in 0..<5 { #expect(await tryOnce(name, "wrong", from: address).status == 401) }
            let refused = await tryOnce(name, "correct horse", from: address)
            #expect(refused.status == 429 && refused.problem == "too-many-requests")
            #expect(refused.header("Retry-After").flatMap { Int($0) }.map { 330...333 ~= $0 } == true)
            details.insert(refused["detail"]?.string ?? "")
        }
        #expect(details.count == 1, "unknown names look the same")
        #expect(await tryOnce(person.name, "correct horse", from: "192.0.2.12").status == 200)
        // Through a trusted proxy the client's own address counts, and IPv6 by its first 64 bits.
        for index in 0..<6 {
            let answer = await hub.call(
                "POST", "/login", #"{"username":"\#(person.name)","password":"wrong"}"#,
                headers: [("x-forwarded-for", "2001:db9::\(index)")], from: "10.0.0.1", isLimited: true)
            #expect(answer.status == (index < 5 ? 401 : 429))
        }
    }

    /// A stolen token must not serve to guess the password.
    @Test func ownPasswordsAreLimitedToo() async throws {
        let person = try await TestHub.shared.person(), hub = person.hub
        var statuses: [Int] = []
        for _ in 0..<6 {
            let answer = await hub.call(
                "POST", "/account/delete", #"{"password":"wrong"}"#, token: person.token, from: "192.0.2.20",
                isLimited: true)
            statuses.append(answer.status)
        }
        #expect(statuses == [403, 403, 403, 403, 403, 429])
    }

    @Test func outdatedHashesAreRenewed() async throws {
        let person = try await TestHub.shared.person(), hub = person.hub
        let users = UserStore(context: hub.context), id = try #require(Int64(person.id))
        let old = try await PasswordHasher(costExponent: 5).hash("correct horse")
        _ = try await hub.context.database.query(
            "UPDATE users SET password_hash = $2 WHERE id = $1", [.int(id), .text(old)])
        #expect(await hub.logIn(person).status == 200)
        let new = try await users.passwordHash(of: id)
        #expect(new != old && new?.hasPrefix("$scrypt$ln=8,") == true)
    }
}

extension TestHub {
    /// Waits for a mail and opens it, as the task that sends it would.
    func mail(to recipient: String) async throws -> String {
        let clock = ContinuousClock(), end = clock.now + .seconds(20)
        while clock.now < end {
            let rows = try await context.database.query(
                "SELECT message FROM mail_outbox WHERE recipient = $1", [.text(recipient)])
            if rows.count == 1 {
                let message = box.open(rows.bytes(0, 0), context: Mailer.context(recipient: recipient))
                return String(decoding: try #require(message), as: UTF8.self)
            }
            await Task.yield()
        }
        throw DatabaseError.unavailable("no mail to \(recipient)")
    }
}
