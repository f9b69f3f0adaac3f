import JSON
import Testing

@testable import Persistence
@testable import RestBridge

/// Leaving: the export, and the end of an account.
struct ClosingRouteTests {
    @Test func deletion() async throws {
        let (person, friend) = try await TestHub.shared.friends(), hub = person.hub
        let wrong = await person.call("POST", "/account/delete", #"{"password":"wrong"}"#)
        #expect(wrong.status == 403 && wrong.problem == "wrong-password")
        #expect(await person.call("POST", "/account/delete", #"{"password":"correct horse"}"#).status == 204)
        #expect(hub.revoked.endedUsers.contains(try #require(Int64(person.id))))
        #expect(await person.call("GET", "/profile").status == 401)
        #expect(await hub.logIn(person).problem == "invalid-credentials")
        let refresh = #"{"refresh_token":"\#(person.refreshToken)"}"#
        #expect(await hub.call("POST", "/token/refresh", refresh).status == 401)
        let seen = await friend.call("GET", "/users/\(person.id)")
        #expect(
            seen["display_name"]?.string == "Deleted user" && seen["username"]?.string?.hasPrefix("deleted-") == true)
        #expect(await friend.call("GET", "/friends").items.isEmpty)
        #expect(await friend.call("GET", "/messages/\(person.id)").status == 200, "the conversation stays")
        #expect(await friend.call("GET", "/users?query=\(person.name)").items.isEmpty)
    }

    @Test func deletionNeedsTheSecondFactor() async throws {
        let person = try await TestHub.shared.person()
        try await person.enableSecondFactor(lastStep: person.hub.step - 2)
        let without = await person.call("POST", "/account/delete", #"{"password":"correct horse"}"#)
        #expect(without.status == 422 && without.problem == "invalid-otp")
        let code = try await person.code()
        let with = await person.call("POST", "/account/delete", #"{"password":"correct horse","otp":"\#(code)"}"#)
        #expect(with.status == 204)
    }

    @Test func exportHasEverything() async throws {
        let (person, friend) = try await TestHub.shared.friends()
        let group = try await person.group(friend)
        for index in 0..<130 {
            let body = #"{"group_id":"\#(group)","text":"\#(String(repeating: "x", count: 12_000)) \#(index)"}"#
            #expect(await person.call("POST", "/messages", body).status == 201)
        }
        var target: String? = "/account/export"
        var lines: [JSONValue] = []
        var pages = 0
        while let page = target {
            let answer = await person.call("GET", page, headers: [("accept", "application/x-ndjson")])
            #expect(answer.status == 200 && answer.header("Content-Type") == "application/x-ndjson")
            let parsed = try answer.response.body.split(separator: UInt8(ascii: "\n"))
                .map { try JSONValue(parsing: Array($0)) }
            target = parsed.last?["kind"]?.string == "next" ? parsed.last?["next"]?.string : nil
            #expect(answer.header("Link") == target.map { "<\($0)>; rel=\"next\"" })
            lines += parsed.filter { $0["kind"]?.string != "next" }
            pages += 1
        }
        #expect(pages == 2, "more than a MiB goes on")
        let kinds = Dictionary(grouping: lines) { $0["kind"]?.string ?? "" }.mapValues(\.count)
        #expect(kinds["profile"] == 1 && kinds["session"] == 1 && kinds["friend"] == 1 && kinds["group"] == 1)
        let entries = lines.compactMap { $0["entry"] }
        #expect(entries.filter { $0["type"]?.string == "message" }.count == 130)
        #expect(Set(entries.compactMap { $0["id"]?.string }).count == entries.count, "each once")
        #expect(lines[0]["profile"]?["email"]?.string == "\(person.name)@example.org")
        for cursor in ["", "x.1", "entries.1", "friends.-1", "friends.1.2", "start.1"] {
            #expect(await person.call("GET", "/account/export?cursor=\(cursor)").fields == ["cursor"], "\(cursor)")
        }
    }
}
