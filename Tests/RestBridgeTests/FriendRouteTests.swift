import Testing

@testable import RestBridge

/// Friends and blocks; the state machine itself is tested in `RelationshipTests`.
struct FriendRouteTests {
    /// A call of person 0 or 1 about the other.
    struct Step: Sendable {
        var actor: Int
        var call: String
        var status: Int
        var problem: String?
        init(_ actor: Int, _ call: String, _ status: Int, _ problem: String? = nil) {
            self.actor = actor
            self.call = call
            self.status = status
            self.problem = problem
        }
    }

    static let plays: [[Step]] = [
        [Step(0, "add", 201), Step(0, "add", 200), Step(1, "accept", 200), Step(1, "accept", 200)],
        [Step(0, "add", 201), Step(1, "add", 200), Step(0, "add", 409, "already-friends")],
        [Step(0, "add", 201), Step(1, "decline", 204), Step(1, "decline", 404, "not-found")],
        [Step(0, "add", 201), Step(0, "cancel", 204), Step(1, "accept", 404, "not-found")],
        [Step(0, "accept", 404, "not-found"), Step(0, "cancel", 404, "not-found"), Step(0, "remove", 204)],
        [Step(0, "add", 201), Step(1, "accept", 200), Step(1, "remove", 204), Step(0, "remove", 204)],
        [Step(0, "block", 201), Step(0, "block", 201), Step(0, "add", 409, "blocked"), Step(1, "add", 201)],
        [Step(0, "block", 201), Step(0, "unblock", 204), Step(0, "unblock", 204), Step(0, "add", 201)],
    ]

    @Test(arguments: plays) func answers(steps: [Step]) async throws {
        let people = try await TestHub.shared.people(2)
        for step in steps {
            let (me, other) = (people[step.actor], people[1 - step.actor])
            let body = #"{"user_id":"\#(other.id)"}"#
            let answer =
                switch step.call {
                case "block": await me.call("POST", "/blocks", body)
                case "unblock": await me.call("DELETE", "/blocks/\(other.id)")
                default: await me.call("POST", "/friends/\(step.call)", body)
                }
            #expect(answer.status == step.status, "\(step.call): \(answer.text)")
            #expect(answer.problem == step.problem)
            if step.call == "add" || step.call == "accept", answer.status < 300 {
                #expect(answer["user", "id"]?.string == other.id)
                let accepted = answer["status"]?.string == "accepted"
                #expect(answer["topic"]?.string == (accepted ? try me.topic(with: other) : nil))
            }
        }
    }

    @Test func lists() async throws {
        let hub = try await TestHub.shared
        let people = try await hub.people(4)
        let me = people[0]
        try await me.befriend(people[1])
        try await people[2].befriend(me)
        _ = await me.call("POST", "/friends/add", #"{"username":"\#(people[3].name.uppercased())"}"#)
        let page = await me.call("GET", "/friends?limit=1")
        let rest = await me.call("GET", try #require(page["next"]?.string))
        #expect((page.items + rest.items).map { $0["user"]?["id"]?.string } == [people[1].id, people[2].id])
        #expect(page.items[0]["topic"]?.string == (try me.topic(with: people[1])) && page.items[0]["since"] != nil)
        #expect(rest["next"] == nil)
        let mine = await me.call("GET", "/friends/requests")
        #expect(mine["outgoing"]?.array?.first?["user"]?["id"]?.string == people[3].id)
        #expect(mine["incoming"]?.array?.isEmpty == true)
        let theirs = await people[3].call("GET", "/friends/requests")
        #expect(theirs["incoming"]?.array?.first?["user"]?["id"]?.string == me.id)
        _ = await me.call("POST", "/blocks", #"{"user_id":"\#(people[1].id)"}"#)
        #expect(await me.call("GET", "/blocks").items.map { $0["user"]?["id"]?.string } == [people[1].id])
        #expect(await people[1].call("GET", "/blocks").items.isEmpty)
        #expect(await me.call("GET", "/friends").items.map { $0["user"]?["id"]?.string } == [people[2].id])
    }

    @Test func wrongTargets() async throws {
        let me = try await TestHub.shared.person()
        let table: [(call: String, body: String, status: Int)] = [
            ("/friends/add", #"{"user_id":"1"}"#, 404), ("/friends/add", #"{"username":"nobody-here"}"#, 404),
            ("/friends/add", #"{"user_id":"\#(me.id)"}"#, 422), ("/friends/add", #"{"username":"\#(me.name)"}"#, 422),
            ("/friends/add", "{}", 422), ("/friends/add", #"{"user_id":"1","username":"x"}"#, 422),
            ("/friends/add", #"{"user_id":1}"#, 422), ("/friends/remove", #"{"user_id":"1"}"#, 404),
            ("/friends/accept", #"{"user_id":"1"}"#, 404), ("/blocks", #"{"user_id":"1"}"#, 404),
            ("/blocks", #"{"user_id":"\#(me.id)"}"#, 422),
        ]
        for (call, body, status) in table {
            #expect(await me.call("POST", call, body).status == status, "\(call) \(body)")
        }
        #expect(await me.call("DELETE", "/blocks/1").status == 404)
    }
}
