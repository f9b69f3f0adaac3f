import Identity
import Testing

@testable import Persistence
@testable import RestBridge

/// Sign-up, log-in, tokens, sessions, profiles, users.
struct AccountRouteTests {
    @Test func signUpAnswersTokens() async throws {
        let hub = try await TestHub.shared
        let answer = await hub.call(
            "POST", "/signup",
            #"{"username":"first.user","email":"First@Example.org","password":"correct horse","display_name":"Anne"}"#)
        #expect(answer.status == 201 && answer.header("Location") == "/profile")
        #expect(answer["token_type"]?.string == "Bearer" && answer["expires_in"]?.int64.map { 540...601 ~= $0 } == true)
        #expect(answer["user", "username"]?.string == "first.user" && answer["user", "display_name"]?.string == "Anne")
        #expect(answer["user", "email"]?.string == "first@example.org")
        #expect(answer["user", "mfa_enabled"]?.bool == false && answer["user", "bio"] == nil)
        let taken = [
            (#"{"username":"first.user","email":"x@example.org","password":"correct horse"}"#, "username-taken"),
            (#"{"username":"second","email":"FIRST@example.org","password":"correct horse"}"#, "email-taken"),
        ]
        for (body, problem) in taken {
            let answer = await hub.call("POST", "/signup", body)
            #expect(answer.status == 409 && answer.problem == problem)
        }
    }

    static let wrongSignUps: [(body: String, fields: [String])] = [
        (#"{"admin":true}"#, ["username", "email", "password", "admin"]),
        (#"{"username":"ab","email":"a@b","password":"correct horse"}"#, ["username"]),
        (#"{"username":"Upper","email":"a@b","password":"correct horse"}"#, ["username"]),
        (#"{"username":"12345","email":"a@b","password":"correct horse"}"#, ["username"]),
        (#"{"username":"-dash","email":"a@b","password":"correct horse"}"#, ["username"]),
        (#"{"username":"späth","email":"a@b","password":"correct horse"}"#, ["username"]),
        (#"{"username":5,"email":null,"password":"correct horse"}"#, ["username", "email"]),
        (#"{"username":"good","email":"nobody","password":"correct horse"}"#, ["email"]),
        (#"{"username":"good","email":"a b@c","password":"correct horse"}"#, ["email"]),
        (#"{"username":"good","email":"a@b@c","password":"correct horse"}"#, ["email"]),
        (#"{"username":"good","email":"a@b","password":"short"}"#, ["password"]),
        (#"{"username":"good","email":"a@b","password":"password123"}"#, ["password"]),
        (#"{"username":"good","email":"a@b","password":"correct horse","display_name":" "}"#, ["display_name"]),
        (#"{"username":"good","email":"a@b","password":"correct horse","display_name":"a\tb"}"#, ["display_name"]),
    ]

    @Test(arguments: wrongSignUps) func signUpRefuses(body: String, fields: [String]) async throws {
        let answer = await (try TestHub.shared).call("POST", "/signup", body)
        #expect(answer.status == 422 && answer.fields == fields)
    }

    @Test func logIn() async throws {
        let hub = try await TestHub.shared
        let person = try await hub.person()
        let name = person.name
        for who in [#""username":"\#(name)""#, #""email":"\#(name.uppercased())@Example.org""#] {
            let answer = await hub.call("POST", "/login", "{\(who),\"password\":\"correct horse\"}")
            #expect(answer.status == 200 && answer["user", "id"]?.string == person.id)
        }
        var bodies: [String] = []
        for name in [name, "nobody-here"] {
            let answer = await hub.call("POST", "/login", #"{"username":"\#(name)","password":"wrong horse"}"#)
            #expect(answer.status == 401 && answer.problem == "invalid-credentials")
            #expect(answer.header("WWW-Authenticate") != nil)
            bodies.append(answer["detail"]?.string ?? "")
        }
        #expect(bodies[0] == bodies[1])
        let incomplete: [(body: String, fields: [String])] = [
            ("{}", ["username", "password"]), (#"{"password":"x"}"#, ["username"]),
            (#"{"username":"a","email":"b","password":"x"}"#, ["username"]),
        ]
        for (body, fields) in incomplete {
            #expect(await hub.call("POST", "/login", body).fields == fields)
        }
    }

    @Test func refreshRotates() async throws {
        let hub = try await TestHub.shared
        let person = try await hub.person()
        func refresh(_ token: String) async -> Answer {
            await hub.call("POST", "/token/refresh", #"{"refresh_token":"\#(token)"}"#)
        }
        let first = await refresh(person.refreshToken)
        #expect(first.status == 200 && first["user", "id"]?.string == person.id)
        let renewed = try #require(first["access_token"]?.string)
        #expect(await hub.call("GET", "/profile", token: renewed).status == 200)
        let reuse = await refresh(person.refreshToken)
        #expect(reuse.status == 401 && reuse.problem == "invalid-token" && reuse.header("WWW-Authenticate") != nil)
        #expect(await refresh(try #require(first["refresh_token"]?.string)).status == 401, "the family is revoked")
        #expect(await hub.call("GET", "/profile", token: renewed).status == 401)
        #expect(await refresh("nonsense").status == 401)
    }

    @Test func badTokens() async throws {
        let hub = try await TestHub.shared
        let person = try await hub.person()
        let user = try #require(Int64(person.id))
        let now = hub.context.now() / 1000
        let table: [(name: String, header: String)] = [
            ("garbage", "Bearer x"), ("empty", "Bearer "), ("scheme", "Basic \(person.token)"),
            ("spoiled", "Bearer \(person.token)x"),
            ("no such session", "Bearer \(hub.authority.mint(userID: user, sessionID: 1, scopes: .user, now: now))"),
            ("no such user", "Bearer \(hub.authority.mint(userID: 1, sessionID: nil, scopes: .user, now: now))"),
            (
                "expired", "Bearer \(hub.authority.mint(userID: user, sessionID: nil, scopes: .user, now: now - 7200))"
            ),
        ]
        for (name, header) in table {
            let answer = await hub.call("GET", "/profile", headers: [("authorization", header)])
            #expect(answer.status == 401 && answer.problem == "invalid-token", "\(name)")
            #expect(answer.header("WWW-Authenticate")?.contains("error=\"invalid_token\"") == true, "\(name)")
        }
        let foreign = hub.authority.mint(userID: user, sessionID: nil, scopes: .user, now: now)
        #expect(await hub.call("GET", "/profile", headers: [("authorization", "bearer \(foreign)")]).status == 200)
    }

    @Test func sessions() async throws {
        let hub = try await TestHub.shared
        let (person, other) = (try await hub.person(), try await hub.person())
        let second = await hub.call(
            "POST", "/login", #"{"username":"\#(person.name)","password":"correct horse"}"#,
            headers: [("user-agent", "phone/1")])
        let list = await person.call("GET", "/sessions")
        #expect(list.items.map { $0["client"]?.string } == ["phone/1", ""])
        #expect(list.items.map { $0["current"]?.bool } == [false, true])
        #expect(list.items[0]["address"]?.string == "127.0.0.1" && list.items[0]["last_seen_at"]?.string != nil)
        let page = await person.call("GET", "/sessions?limit=1")
        let rest = await person.call("GET", try #require(page["next"]?.string))
        #expect(rest.items.count == 1 && rest["next"] == nil && rest.items[0]["current"]?.bool == true)

        let id = try #require(list.items[0]["id"]?.string)
        #expect(await other.call("DELETE", "/sessions/\(id)").status == 404)
        #expect(await person.call("DELETE", "/sessions/\(id)").status == 204)
        #expect(await person.call("DELETE", "/sessions/\(id)").status == 404)
        #expect(hub.revoked.all.contains(try #require(Int64(id))))
        #expect(await hub.call("GET", "/profile", token: second["access_token"]?.string).status == 401)

        #expect(await person.call("POST", "/logout").status == 204)
        #expect(await person.call("GET", "/profile").status == 401)
    }

    @Test func profile() async throws {
        let person = try await TestHub.shared.person()
        let before = await person.call("GET", "/profile")
        let tag = try #require(before.header("ETag"))
        let changed = await person.call(
            "PUT", "/profile", #"{"display_name":"Änne","bio":"a\nb"}"#, headers: [("if-match", "\"v9\", \(tag)")])
        #expect(changed.status == 200 && changed["bio"]?.string == "a\nb" && changed.header("ETag") != tag)
        for stale in [tag, "\"other\"", "W/\(changed.header("ETag")!)"] {
            let answer = await person.call("PATCH", "/profile", "{}", headers: [("if-match", stale)])
            #expect(answer.status == 412 && answer.problem == "precondition-failed")
        }
        #expect(await person.call("PATCH", "/profile", "{}", headers: [("if-match", "*")]).status == 200)
        let patched = await person.call(
            "PATCH", "/profile", #"{"bio":null}"#, headers: [("content-type", "application/merge-patch+json")])
        #expect(patched["bio"] == nil && patched["display_name"]?.string == "Änne")
        #expect(await person.call("PATCH", "/profile", #"{"display_name":null}"#).fields == ["display_name"])
        _ = await person.call("PATCH", "/profile", #"{"bio":"again"}"#)
        #expect(await person.call("PUT", "/profile", #"{"display_name":"x"}"#)["bio"] == nil, "PUT is full")
    }

    @Test func users() async throws {
        let hub = try await TestHub.shared
        var people: [Person] = []
        for _ in 0..<3 { people.append(try await hub.person("searched")) }
        let me = people[0]
        let seen = await me.call("GET", "/users/\(people[1].id)")
        #expect(seen["username"]?.string == people[1].name && seen["email"] == nil)
        #expect(seen["direct_topic"]?.string == (try me.topic(with: people[1])))
        #expect(await me.call("GET", "/users/\(me.id)")["direct_topic"] == nil)
        #expect(await me.call("GET", "/users/1").status == 404)
        var names: [String] = []
        var target: String? = "/users?query=SEARCHED&limit=2"
        while let page = target {
            let answer = await me.call("GET", page)
            names += answer.items.compactMap { $0["username"]?.string }
            target = answer["next"]?.string
        }
        #expect(names == people.map(\.name).sorted())
        #expect(await me.call("GET", "/users").fields == ["query"])
        #expect(await me.call("GET", "/users?query=%25").items.isEmpty)
    }

    @Test func keySet() async throws {
        let answer = await (try TestHub.shared).call("GET", "/.well-known/jwks.json")
        #expect(answer.status == 200 && answer["keys"]?.array?.first?["crv"]?.string == "Ed25519")
    }
}
