import Identity
import Testing

@testable import RestBridge

/// Bots, their tokens, and what a token is not for.
struct BotRouteTests {
    private func bot(of owner: Person) async throws -> (id: String, name: String) {
        let name = "\(owner.name)-bot"
        let answer = await owner.call("POST", "/bots", #"{"username":"\#(name)","display_name":"A bot"}"#)
        #expect(answer.status == 201 && answer["bot"]?.bool == true && answer["owner_id"]?.string == owner.id)
        let id = try #require(answer["id"]?.string)
        #expect(answer.header("Location") == "/users/\(id)" && answer["direct_topic"]?.string != nil)
        return (id, name)
    }

    private func token(of bot: String, _ owner: Person, _ body: String = "{}") async throws -> (
        id: String, token: String
    ) {
        let answer = await owner.call("POST", "/bots/\(bot)/tokens", body)
        #expect(answer.status == 201 && answer["expires_at"]?.string != nil)
        return (try #require(answer["id"]?.string), try #require(answer["token"]?.string))
    }

    @Test func aBotTalks() async throws {
        let hub = try await TestHub.shared, owner = try await hub.person()
        let bot = try await bot(of: owner)
        #expect(await owner.call("GET", "/bots").items.map { $0["id"]?.string } == [bot.id])
        #expect(await owner.call("GET", "/friends").items.map { $0["user"]?["bot"]?.bool } == [true])
        #expect(await owner.call("GET", "/account/export").text.contains(#"{"kind":"bot","bot":{"id":"\#(bot.id)""#))
        #expect(await owner.call("POST", "/bots/\(bot.id)/tokens").status == 201)
        let kept = try await token(of: bot.id, owner, #"{"name":"ci","expires_in":60}"#)
        let message = await hub.call(
            "POST", "/messages", #"{"user_id":"\#(owner.id)","text":"hi"}"#, token: kept.token)
        #expect(message.status == 201 && message["from"]?.string == bot.id)
        let listed = await owner.call("GET", "/bots/\(bot.id)/tokens").items
        #expect(listed.count == 2 && listed[1]["id"]?.string == kept.id && listed[1]["name"]?.string == "ci")
        #expect(listed[1]["token"] == nil && listed[1]["last_used_at"] != nil && listed[0]["last_used_at"] == nil)
        #expect(await owner.call("DELETE", "/bots/\(bot.id)/tokens/\(kept.id)").status == 204)
        let refused = await hub.call("GET", "/profile", token: kept.token)
        #expect(refused.status == 401 && refused.problem == "invalid-token")
        #expect(hub.revoked.all.map(String.init).contains(kept.id))
        #expect(await owner.call("DELETE", "/bots/\(bot.id)/tokens/\(kept.id)").status == 404)
    }

    @Test func deletion() async throws {
        let hub = try await TestHub.shared, owner = try await hub.person()
        let bot = try await bot(of: owner), kept = try await token(of: bot.id, owner)
        #expect(await owner.call("DELETE", "/bots/\(bot.id)").status == 204)
        #expect(await hub.call("GET", "/profile", token: kept.token).status == 401)
        #expect(hub.revoked.endedUsers.map(String.init).contains(bot.id))
        #expect(await owner.call("GET", "/bots").items.isEmpty)
        #expect(await owner.call("GET", "/friends").items.isEmpty)
        let left = await owner.call("GET", "/users/\(bot.id)")
        #expect(left["display_name"]?.string == "Deleted bot" && left["username"]?.string != bot.name)
        #expect(await owner.call("DELETE", "/bots/\(bot.id)").status == 404)
    }

    /// Other users' bots are not there, to whatever is tried with them.
    @Test func othersSeeNothing() async throws {
        let hub = try await TestHub.shared, people = try await hub.people(2)
        let bot = try await bot(of: people[0]), kept = try await token(of: bot.id, people[0])
        for (method, target) in [
            ("DELETE", "/bots/\(bot.id)"), ("GET", "/bots/\(bot.id)/tokens"), ("POST", "/bots/\(bot.id)/tokens"),
            ("DELETE", "/bots/\(bot.id)/tokens/\(kept.id)"),
        ] {
            let body = method == "POST" ? "{}" : nil
            let answer = await people[1].call(method, target, body)
            #expect(answer.status == 404 && answer.problem == "not-found", "\(method) \(target)")
        }
        #expect(await people[1].call("GET", "/bots").items.isEmpty)
        #expect(await hub.call("GET", "/profile", token: kept.token).status == 200)
    }

    @Test func whatIsRefused() async throws {
        let hub = try await TestHub.shared, owner = try await hub.person()
        let id = try await bot(of: owner).id
        let table: [(target: String, body: String, fields: [String])] = [
            ("/bots", "{}", ["username", "display_name"]),
            (
                "/bots", #"{"username":"A","display_name":"","email":"x@example.org"}"#,
                ["username", "display_name", "email"]
            ),
            ("/bots/\(id)/tokens", #"{"expires_in":0}"#, ["expires_in"]),
            ("/bots/\(id)/tokens", #"{"expires_in":31536001,"name":""}"#, ["name", "expires_in"]),
        ]
        for (target, body, fields) in table {
            let answer = await owner.call("POST", target, body)
            #expect(answer.status == 422 && answer.fields == fields, "\(body)")
        }
        let taken = await owner.call("POST", "/bots", #"{"username":"\#(owner.name)","display_name":"x"}"#)
        #expect(taken.status == 409 && taken.problem == "username-taken")
        for number in 1..<20 {
            let answer = await owner.call(
                "POST", "/bots", #"{"username":"\#(owner.name)-\#(number)","display_name":"x"}"#)
            #expect(answer.status == 201)
        }
        let full = await owner.call("POST", "/bots", #"{"username":"\#(owner.name)-x","display_name":"x"}"#)
        #expect(full.status == 409 && full.problem == "limit-reached")
    }

    private static let personal: [(method: String, target: String)] = [
        ("GET", "/sessions"), ("DELETE", "/sessions/1"), ("POST", "/password"), ("POST", "/mfa/totp"),
        ("POST", "/mfa/totp/confirm"), ("POST", "/mfa/totp/disable"), ("POST", "/mfa/recovery-codes"),
        ("POST", "/account/delete"), ("GET", "/account/export"), ("GET", "/bots"), ("POST", "/bots"),
        ("DELETE", "/bots/1"), ("GET", "/bots/1/tokens"), ("POST", "/bots/1/tokens"), ("DELETE", "/bots/1/tokens/1"),
    ]

    /// A person's own account takes a token with the scope `user`, which no token of a bot has.
    @Test func whatATokenIsNotFor() async throws {
        let hub = try await TestHub.shared, owner = try await hub.person()
        let bot = try await bot(of: owner)
        func mint(_ user: String, _ scopes: Scopes) -> String {
            hub.authority.mint(userID: Int64(user)!, sessionID: nil, scopes: scopes, now: hub.context.now() / 1000)
        }
        let tokens = [
            try await token(of: bot.id, owner).token, mint(bot.id, .user), mint(bot.id, .bot), mint(owner.id, .service),
            mint(owner.id, .admin),
        ]
        for token in tokens {
            for (method, target) in Self.personal {
                let answer = await hub.call(method, target, method == "POST" ? "{}" : nil, token: token)
                #expect(answer.status == 403 && answer.problem == "insufficient-scope", "\(method) \(target)")
                #expect(answer.header("WWW-Authenticate")?.contains("error=\"insufficient_scope\"") == true)
            }
            #expect(await hub.call("GET", "/profile", token: token).status == 200)
            #expect(await hub.call("GET", "/friends", token: token).status == 200)
        }
        #expect(await hub.call("GET", "/sessions", token: mint(owner.id, [.user, .service])).status == 200)
    }

    /// With the scope `service` an `acl` opens conversations; messages are from the token's own user.
    @Test func services() async throws {
        let hub = try await TestHub.shared
        let (owner, friend) = try await hub.friends(), service = try await hub.person()
        let group = try await owner.group(friend, announcement: true), topic = try owner.topic(with: friend)
        func send(_ topic: String, _ scopes: Scopes, _ acl: AccessList?) async -> Answer {
            let token = hub.authority.mint(
                userID: Int64(service.id)!, sessionID: nil, scopes: scopes, acl: acl, now: hub.context.now() / 1000)
            return await hub.call("POST", "/messages", #"{"topic":"\#(topic)","text":"hi"}"#, token: token)
        }
        let all = AccessList(publish: ["group/+", "direct/+/+", "inbox/+"])
        for name in ["group/\(group)", topic, "inbox/\(friend.id)"] {
            let answer = await send(name, .service, all)
            #expect(answer.status == 201 && answer["from"]?.string == service.id, "\(name)")
        }
        #expect(await send("group/\(group)", .user, all).status == 404)
        #expect(await send("group/\(group)", .admin, all).status == 404)
        #expect(await send("group/\(group)", .service, nil).status == 404)
        #expect(await send("group/\(group)", .service, AccessList(subscribe: ["group/+"])).status == 404)
        #expect(await send("group/\(group)", .service, AccessList(all: ["#"], deny: ["group/\(group)"])).status == 404)
        #expect(await send(topic, .service, AccessList(all: ["group/#"])).status == 404)
        // The name of something else leads nowhere.
        #expect(await send("group/\(friend.id)", .service, all).status == 404)
        #expect(await send("direct/1/2", .service, all).status == 404)
    }
}
