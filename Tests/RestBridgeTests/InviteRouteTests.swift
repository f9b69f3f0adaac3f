import JSON
import Testing

@testable import RestBridge

/// Invitations; when they are over is tested in `InviteStoreTests`.
struct InviteRouteTests {
    @Test func invite() async throws {
        let hub = try await TestHub.shared
        let owner = try await hub.person(), guest = try await hub.person(), late = try await hub.person()
        let group = try await owner.group()
        let made = await owner.call("POST", "/groups/\(group)/invites", #"{"expires_in":60,"uses":1}"#)
        let code = try #require(made["code"]?.string)
        #expect(made.status == 201 && made.header("Location") == "/invites/\(code)")
        #expect(made["url"]?.string == "https://hub.example/invites/\(code)" && made["uses_left"]?.int64 == 1)
        #expect(code.utf8.count == 22)
        let endless = await owner.call("POST", "/groups/\(group)/invites")
        #expect(endless.status == 201 && endless["uses_left"] == nil && endless["expires_at"] != nil)
        let listed = await owner.call("GET", "/groups/\(group)/invites").items.map { $0["code"]?.string }
        #expect(listed == [code, endless["code"]?.string])

        let seen = await guest.call("GET", "/invites/\(code)")
        #expect(seen.status == 200 && seen["name"]?.string == "group" && seen["member_count"]?.int64 == 1)
        #expect(seen.json?.object?.count == 2)
        for _ in 0..<2 {
            let joined = await guest.call("POST", "/invites/\(code)/accept")
            #expect(joined.status == 200 && joined["id"]?.string == group && joined["my_role"]?.string == "member")
        }
        for (method, target) in [("GET", "/invites/\(code)"), ("POST", "/invites/\(code)/accept")] {
            let answer = await late.call(method, target)
            #expect(answer.status == 410 && answer.problem == "invite-gone")
        }
        let other = try #require(endless["code"]?.string)
        #expect(await owner.call("DELETE", "/groups/\(group)/invites/\(other)").status == 204)
        #expect(await late.call("POST", "/invites/\(other)/accept").status == 410)
        #expect(await late.call("POST", "/invites/none/accept").status == 404)
        #expect(await owner.call("DELETE", "/groups/\(group)/invites/none").status == 404)
    }

    @Test func whoMayNot() async throws {
        let hub = try await TestHub.shared
        let (owner, member) = try await hub.friends()
        let group = try await owner.group(member)
        let code = try #require(await owner.call("POST", "/groups/\(group)/invites", "{}")["code"]?.string)
        let stranger = try await hub.person()
        for (person, status, problem) in [(member, 403, "forbidden"), (stranger, 404, "not-found")] {
            for (method, target) in [
                ("POST", "/groups/\(group)/invites"), ("GET", "/groups/\(group)/invites"),
                ("DELETE", "/groups/\(group)/invites/\(code)"),
            ] {
                let answer = await person.call(method, target)
                #expect(answer.status == status && answer.problem == problem, "\(method) \(target)")
            }
        }
        #expect(await hub.call("GET", "/invites/\(code)").status == 401)
        for body in [#"{"uses":0}"#, #"{"uses":10001}"#, #"{"uses":"1"}"#, #"{"uses":1.5}"#] {
            let answer = await owner.call("POST", "/groups/\(group)/invites", body)
            #expect(answer.status == 422 && answer.fields == ["uses"], "\(body)")
        }
        #expect(
            await owner.call("POST", "/groups/\(group)/invites", #"{"expires_in":0}"#).fields == ["expires_in"])
    }
}
