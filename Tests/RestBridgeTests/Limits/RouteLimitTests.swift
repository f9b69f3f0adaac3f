import Testing

@testable import Broker
@testable import RestBridge

/// 429 and `RateLimit` (rest.md "Errors", protocol.md §5).
struct RouteLimitTests {
    private func call(_ person: Person, _ method: String, _ target: String, _ body: String? = nil) async -> Answer {
        await person.hub.call(method, target, body, token: person.token, isLimited: true)
    }

    @Test func fiveSearchesASecond() async throws {
        let person = try await TestHub.shared.person()
        var answers: [Answer] = []
        for _ in 0..<12 { answers.append(await call(person, "GET", "/users?query=zz")) }
        #expect(answers[0].status == 200)
        #expect(answers[0].header("RateLimit") == "\"searches\";r=4;t=1")
        #expect(answers[0].header("RateLimit-Policy") == "\"searches\";q=5;w=1")
        let refused = try #require(answers.first { $0.status == 429 })
        #expect(refused.problem == "too-many-requests" && refused.header("Retry-After") == "1")
        #expect(refused.header("RateLimit")?.hasPrefix("\"searches\";r=0;t=1") == true)
        #expect(refused.header("RateLimit-Policy") == "\"searches\";q=5;w=1")
        let other = try await TestHub.shared.person()
        #expect(await call(other, "GET", "/users?query=zz").status == 200)
        #expect(await person.call("GET", "/users?query=zz").header("RateLimit") == nil, "--limits off")
    }

    /// What asks for nothing new does not count.
    @Test func friendRequests() async throws {
        let person = try await TestHub.shared.person()
        let others = try await TestHub.shared.people(2)
        let bodies = others.map { #"{"user_id":"\#($0.id)"}"# }
        let first = await call(person, "POST", "/friends/add", bodies[0])
        #expect(first.status == 201 && first.header("RateLimit") == "\"friend-requests\";r=49;t=1728")
        #expect(first.header("RateLimit-Policy") == "\"friend-requests\";q=50;w=86400")
        let again = await call(person, "POST", "/friends/add", bodies[0])
        #expect(again.status == 200 && again.header("RateLimit") == "\"friend-requests\";r=49;t=1728")
        #expect(await call(person, "POST", "/friends/add", #"{"user_id":"1"}"#).status == 404)
        let second = await call(person, "POST", "/friends/add", bodies[1])
        #expect(second.header("RateLimit")?.hasPrefix("\"friend-requests\";r=48;") == true)
    }

    /// Messages count together with those over MQTT.
    @Test func publishes() async throws {
        let hub = try await TestHub.shared
        let (anna, ben) = try await hub.friends()
        let allowance = hub.allowances.allowance(of: try #require(Int64(anna.id)), now: 0)
        let body = #"{"user_id":"\#(ben.id)","text":"hi"}"#
        let sent = await call(anna, "POST", "/messages", body)
        #expect(sent.status == 201 && sent.header("RateLimit-Policy") == "\"publishes\";q=500;w=10")
        for _ in 0..<520 { _ = allowance?.charge(now: hub.monotonicMilliseconds) }
        let refused = await call(anna, "POST", "/messages", body)
        #expect(refused.status == 429 && refused.header("RateLimit")?.hasPrefix("\"publishes\";r=0;t=1") == true)
        #expect(await call(ben, "POST", "/messages", #"{"user_id":"\#(anna.id)","text":"hi"}"#).status == 201)
    }

    @Test func signUpsByAddress() async throws {
        let hub = try await TestHub.shared
        // Not what the address asks for in vain.
        for _ in 0..<25 {
            #expect(await hub.call("POST", "/signup", "{}", from: "192.0.2.77", isLimited: true).status == 422)
        }
        let person = try await hub.person()
        let body = #"{"username":"\#(person.name)","email":"x@example.org","password":"correct horse battery"}"#
        for _ in 0..<20 {
            #expect(await hub.call("POST", "/signup", body, from: "192.0.2.77", isLimited: true).status == 409)
        }
        let refused = await hub.call("POST", "/signup", body, from: "192.0.2.77", isLimited: true)
        #expect(refused.status == 429 && refused.header("RateLimit-Policy") == "\"sign-ups\";q=20;w=3600")
        #expect(refused.header("Retry-After").flatMap { Int($0) }.map { 170...180 ~= $0 } == true)
        #expect(await hub.call("POST", "/signup", body, from: "192.0.2.78", isLimited: true).status == 409)
    }
}
