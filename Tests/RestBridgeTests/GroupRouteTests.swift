import Testing

@testable import RestBridge

/// Groups; who may what is tested in `GroupStoreTests`.
struct GroupRouteTests {
    @Test func createAndShow() async throws {
        let (owner, friend) = try await TestHub.shared.friends()
        let answer = await owner.call(
            "POST", "/groups", #"{"name":"Ünited","members":["\#(friend.id)"],"announcement":true}"#)
        let id = try #require(answer["id"]?.string)
        #expect(answer.status == 201 && answer.header("Location") == "/groups/\(id)" && answer.header("ETag") != nil)
        #expect(answer["topic"]?.string == "group/\(id)" && answer["my_role"]?.string == "owner")
        #expect(answer["member_count"]?.int64 == 2 && answer["announcement"]?.bool == true)
        let seen = await friend.call("GET", "/groups/\(id)")
        #expect(seen["my_role"]?.string == "member" && seen["owner_id"]?.string == owner.id)
        #expect(await friend.call("GET", "/groups").items.map { $0["id"]?.string } == [id])
    }

    @Test func createRefuses() async throws {
        let people = try await TestHub.shared.people(2)
        let stranger = people[1].id
        let many = (1...101).map { "\"\($0)\"" }.joined(separator: ",")
        let table: [(body: String, fields: [String])] = [
            ("{}", ["name"]), (#"{"name":""}"#, ["name"]), (#"{"name":5}"#, ["name"]),
            (#"{"name":"x","nope":1}"#, ["nope"]), (#"{"name":"x","members":"y"}"#, ["members"]),
            (#"{"name":"x","members":["1","x"]}"#, ["members.1"]),
            (#"{"name":"x","members":["1","1"]}"#, ["members.1"]),
            (#"{"name":"x","members":["\#(stranger)"]}"#, ["members.0"]),
            (#"{"name":"x","members":[\#(many)]}"#, ["members"]), (#"{"name":"x","picture":"1"}"#, ["picture"]),
            (#"{"name":"x","announcement":1}"#, ["announcement"]),
        ]
        for (body, fields) in table {
            let answer = await people[0].call("POST", "/groups", body)
            #expect(answer.status == 422 && answer.fields == fields, "\(body)")
        }
    }

    @Test func change() async throws {
        let (owner, friend) = try await TestHub.shared.friends()
        let id = try await owner.group(friend)
        let tag = try #require(await owner.call("GET", "/groups/\(id)").header("ETag"))
        let put = await owner.call("PUT", "/groups/\(id)", #"{"name":"new"}"#, headers: [("if-match", tag)])
        #expect(put.status == 200 && put["name"]?.string == "new" && put.header("ETag") != tag)
        let stale = await owner.call("PUT", "/groups/\(id)", #"{"name":"newer"}"#, headers: [("if-match", tag)])
        #expect(stale.status == 412)
        let patch = await owner.call("PATCH", "/groups/\(id)", #"{"announcement":true}"#)
        #expect(patch["announcement"]?.bool == true && patch["name"]?.string == "new")
        #expect(await owner.call("PUT", "/groups/\(id)", #"{"name":"new"}"#)["announcement"]?.bool == false)
        #expect(await owner.call("PATCH", "/groups/\(id)", #"{"name":null}"#).fields == ["name"])
        let mine = await friend.call("PUT", "/groups/\(id)", #"{"name":"mine"}"#)
        #expect(mine.status == 403 && mine.problem == "forbidden")
    }

    /// Every call about a group that is not mine answers as if it were not there.
    @Test func othersSeeNothing() async throws {
        let hub = try await TestHub.shared
        let (owner, friend) = try await hub.friends()
        let stranger = try await hub.person()
        let id = try await owner.group(friend)
        let user = #"{"user_id":"\#(friend.id)"}"#
        let calls: [(method: String, path: String, body: String?)] = [
            ("GET", "", nil), ("PUT", "", #"{"name":"x"}"#), ("PATCH", "", "{}"), ("DELETE", "", nil),
            ("POST", "/add", user), ("POST", "/remove", user), ("POST", "/leave", nil), ("GET", "/members", nil),
            ("PUT", "/members/\(friend.id)", #"{"role":"admin"}"#),
        ]
        for (method, path, body) in calls {
            let real = await stranger.call(method, "/groups/\(id)\(path)", body)
            let none = await stranger.call(method, "/groups/1\(path)", body)
            #expect(real.status == 404 && real.problem == "not-found", "\(method) \(path)")
            #expect(real["detail"] != nil && real["detail"]?.string == none["detail"]?.string, "\(method) \(path)")
        }
        let rest: [(method: String, target: String, body: String?)] = [
            ("GET", "/messages/group/\(id)", nil), ("GET", "/messages/group/\(id)/1", nil),
            ("POST", "/messages", #"{"group_id":"\#(id)","text":"x"}"#),
            ("POST", "/messages", #"{"topic":"group/\#(id)","text":"x"}"#),
            ("PUT", "/conversations/group/\(id)/read", #"{"seq":1}"#),
        ]
        for (method, target, body) in rest {
            #expect(await stranger.call(method, target, body).problem == "not-found", "\(method) \(target)")
        }
    }

    @Test func members() async throws {
        let hub = try await TestHub.shared
        let (owner, friend) = try await hub.friends()
        let stranger = try await hub.person()
        let id = try await owner.group()
        let added = await owner.call(
            "POST", "/groups/\(id)/add", #"{"user_ids":["\#(friend.id)","\#(stranger.id)","1","\#(owner.id)"]}"#)
        let statuses = added["results"]?.array?.map { $0["status"]?.string }
        #expect(statuses == ["added", "not_friend", "not_found", "already_member"])
        #expect(added["results"]?.array?.first?["user_id"]?.string == friend.id)
        #expect(await owner.call("POST", "/groups/\(id)/add", "{}").status == 422)
        #expect(await friend.call("POST", "/groups/\(id)/add", #"{"user_id":"1"}"#).status == 403)

        let page = await friend.call("GET", "/groups/\(id)/members?limit=1")
        let rest = await friend.call("GET", try #require(page["next"]?.string))
        #expect((page.items + rest.items).map { $0["role"]?.string } == ["owner", "member"])
        #expect(page.items[0]["user"]?["id"]?.string == owner.id && page.items[0]["joined_at"] != nil)

        let path = "/groups/\(id)/members/\(friend.id)"
        #expect(await owner.call("PUT", path, #"{"role":"chief"}"#).fields == ["role"])
        #expect(await owner.call("PUT", path, #"{"role":"admin"}"#)["role"]?.string == "admin")
        #expect(await friend.call("PUT", path, #"{"role":"owner"}"#).status == 403)
        #expect(
            await owner.call("PUT", "/groups/\(id)/members/\(owner.id)", #"{"role":"member"}"#).problem == "last-owner")
        #expect(await owner.call("POST", "/groups/\(id)/leave").problem == "last-owner")
        #expect(await owner.call("POST", "/groups/\(id)/remove", #"{"user_id":"\#(stranger.id)"}"#).status == 404)
        #expect(await owner.call("POST", "/groups/\(id)/remove", #"{"user_id":"\#(friend.id)"}"#).status == 204)
        #expect(await friend.call("GET", "/groups/\(id)").status == 404)
        #expect(await owner.call("POST", "/groups/\(id)/leave").status == 204)
        #expect(await owner.call("GET", "/groups/\(id)").status == 404)
    }

    @Test func end() async throws {
        let (owner, friend) = try await TestHub.shared.friends()
        let id = try await owner.group(friend)
        #expect(await friend.call("DELETE", "/groups/\(id)").status == 403)
        #expect(await owner.call("DELETE", "/groups/\(id)").status == 204)
        #expect(await owner.call("DELETE", "/groups/\(id)").status == 404)
        let last = await friend.call("GET", "/notifications").items.last
        #expect(last?["type"]?.string == "group_removed" && last?["body"]?["reason"]?.string == "ended")
    }
}
