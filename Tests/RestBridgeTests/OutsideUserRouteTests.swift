import JSON
import Testing
import Topics

@testable import Identity
@testable import Persistence
@testable import RestBridge

/// What users of outside issuers may do over HTTP.
struct OutsideUserRouteTests {
    private func token(
        _ hub: TestHub, _ subject: String, issuer: String = "https://app.example", seconds: Int64 = 60,
        more: String = ""
    ) -> String {
        let expiresAt = hub.context.now() / 1000 + seconds
        let claims = #"{"iss":"\#(issuer)","aud":"hub","sub":"\#(subject)","exp":\#(expiresAt)\#(more)}"#
        let signed = [#"{"alg":"HS256","typ":"JWT"}"#, claims].map { Base64URL.encode(Array($0.utf8)) }
            .joined(separator: ".")
        let code = Secrets.hmacSHA256(Array(signed.utf8), secret: Array(TestHub.issuerSecret.utf8))
        return "\(signed).\(Base64URL.encode(code))"
    }

    @Test func aUserIsMadeAtFirstSight() async throws {
        let hub = try await TestHub.shared
        let token = token(hub, "rest-1", more: #","preferred_username":"Outside.One","name":"One""#)
        let first = await hub.call("GET", "/profile", token: token)
        #expect(first.status == 200 && first["username"]?.string == "outside.one", "\(first.text)")
        #expect(first["display_name"]?.string == "One" && first["email"] == nil)
        #expect(first["email_verified"]?.bool == false)
        let again = await hub.call("GET", "/profile", token: self.token(hub, "rest-1"))
        #expect(again["id"]?.string == first["id"]?.string && again["username"]?.string == "outside.one")
        let patched = await hub.call("PATCH", "/profile", #"{"display_name":"Two"}"#, token: token)
        #expect(patched.status == 200 && patched["display_name"]?.string == "Two" && patched["email"] == nil)
    }

    @Test func itIsAUserLikeOthers() async throws {
        let hub = try await TestHub.shared
        let person = try await hub.person()
        let token = token(hub, "rest-2")
        let asked = await hub.call("POST", "/friends/add", #"{"user_id":"\#(person.id)"}"#, token: token)
        #expect(asked.status == 201)
        let found = await hub.call("GET", "/users?query=user-", token: token)
        #expect(found.status == 200)
        let sessions = await hub.call("GET", "/sessions", token: token)
        #expect(sessions.status == 200 && sessions.items.isEmpty)
        let name = try #require(await hub.call("GET", "/profile", token: token)["username"]?.string)
        let logIn = await hub.call("POST", "/login", #"{"username":"\#(name)","password":"correct horse"}"#)
        #expect(logIn.status == 401 && logIn.problem == "invalid-credentials")
    }

    @Test func logOut() async throws {
        let hub = try await TestHub.shared
        let token = token(hub, "rest-3")
        let answer = await hub.call("POST", "/logout", token: token)
        #expect(answer.status == 204, "\(answer.text)")
        #expect(await hub.call("GET", "/profile", token: token).status == 200, "the token is the issuer's to end")
    }

    @Test func tokensThatAreNoGood() async throws {
        let hub = try await TestHub.shared
        let person = try await hub.person()
        let other = "https://other.example"
        let cases = [
            token(hub, "rest-4", seconds: 0), token(hub, "rest-4") + "A", token(hub, "rest-4", issuer: "https://none"),
            token(hub, "ann", issuer: other), token(hub, "1", issuer: other),
        ]
        for token in cases {
            let answer = await hub.call("GET", "/profile", token: token)
            #expect(answer.status == 401 && answer.problem == "invalid-token")
        }
        let known = await hub.call("GET", "/profile", token: token(hub, person.id, issuer: other))
        #expect(known.status == 200 && known["id"]?.string == person.id)
    }

    @Test func aDisabledUserIsRefused() async throws {
        let hub = try await TestHub.shared
        let token = token(hub, "rest-5")
        let id = try #require(await hub.call("GET", "/profile", token: token)["id"]?.string.flatMap { Int64($0) })
        // Another process does this; a token that was used a moment ago may still be believed (`AdmissionsTests`).
        _ = try await hub.context.database.query("UPDATE users SET disabled_at = 1 WHERE id = $1", [.int(id)])
        let answer = await hub.call("GET", "/profile", token: self.token(hub, "rest-5", seconds: 500))
        #expect(answer.status == 401 && answer.problem == "invalid-token")
    }
}
