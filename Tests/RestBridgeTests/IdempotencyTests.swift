import Identity
import Testing
import Transport

@testable import Persistence
@testable import RestBridge

/// rest.md "Idempotency-Key".
struct IdempotencyTests {
    private func create(
        _ person: Person, key: String, _ body: String = #"{"name":"g"}"#, target: String = "/groups"
    ) async -> Answer {
        await person.call("POST", target, body, headers: [("idempotency-key", key)])
    }

    private func caller(_ person: Person) throws -> Caller {
        let id = try #require(Int64(person.id))
        return Caller(Claims(userID: id, sessionID: nil, expiresAt: .max, scopes: .user), isBot: false)
    }

    private func groups(of person: Person) async -> Int { await person.call("GET", "/groups").items.count }

    @Test func aRepeatGetsTheSameAnswer() async throws {
        let person = try await TestHub.shared.person()
        let first = await create(person, key: "k1")
        // Quotes are stripped.
        for key in ["k1", "\"k1\""] {
            let again = await create(person, key: key)
            #expect(again.status == 201 && again.text == first.text)
            #expect(again.header("Location") == first.header("Location"))
            #expect(again.header("Content-Type") == "application/json")
            #expect(again.header("Idempotency-Replayed") == "true")
            #expect(again.header("X-Request-Id") != first.header("X-Request-Id"))
        }
        #expect(first.status == 201 && first.header("Idempotency-Replayed") == nil)
        #expect(await groups(of: person) == 1)
    }

    @Test func otherKeysUsersAndPathsAreOthers() async throws {
        let (anna, ben) = try await TestHub.shared.friends()
        let group = try #require(await create(anna, key: "k")["id"]?.string)
        #expect(await create(anna, key: "l").header("Idempotency-Replayed") == nil)
        #expect(await create(ben, key: "k").header("Idempotency-Replayed") == nil)
        let body = #"{"user_id":"\#(ben.id)"}"#
        let added = await create(anna, key: "k", body, target: "/groups/\(group)/add")
        #expect(added.status == 200 && added.text.contains(#""status":"added""#))
        let again = await create(anna, key: "k", body, target: "/groups/\(group)/add")
        #expect(again.text == added.text, "and not already_member")
        #expect(await groups(of: anna) == 2)
    }

    @Test func anotherBodyIsRefused() async throws {
        let person = try await TestHub.shared.person()
        _ = await create(person, key: "k")
        let other = await create(person, key: "k", #"{"name":"other"}"#)
        #expect(other.status == 422 && other.problem == "idempotency-key-reused")
        #expect(await groups(of: person) == 1)
    }

    @Test(arguments: ["", "\"\"", "a b", "ä", String(repeating: "k", count: 65), "\u{7F}"])
    func badKeysAreRefused(key: String) async throws {
        let person = try await TestHub.shared.person()
        let answer = await create(person, key: key)
        #expect(answer.status == 422 && answer.fields == ["Idempotency-Key"])
        #expect(await groups(of: person) == 0)
    }

    @Test func oneKeyOnly() async throws {
        let person = try await TestHub.shared.person()
        let answer = await person.call(
            "POST", "/groups", #"{"name":"g"}"#, headers: [("idempotency-key", "a"), ("idempotency-key", "a")])
        #expect(answer.status == 422 && answer.fields == ["Idempotency-Key"])
    }

    /// Refusals are answers too.
    @Test func refusalsAreKept() async throws {
        let (anna, ben) = try await TestHub.shared.friends()
        let body = #"{"user_id":"\#(ben.id)"}"#
        let first = await create(anna, key: "k", body, target: "/friends/add")
        #expect(first.problem == "already-friends")
        #expect(await anna.call("POST", "/friends/remove", body).status == 204)
        let again = await create(anna, key: "k", body, target: "/friends/add")
        #expect(again.status == 409 && again.text == first.text && again.header("Idempotency-Replayed") == "true")
        #expect(again.header("Content-Type") == "application/problem+json")
    }

    /// Of reactions: 503 is no answer to be kept.
    @Test func failuresAreNotKept() async throws {
        let hub = try await TestHub.shared
        let person = try await hub.person()
        let repeatable = RepeatableRequests(
            store: RequestKeyStore(context: hub.context), logger: .init(minimum: .error))
        var request = RestRequest(
            http: HTTPRequest(method: "POST", path: "/x"), requestID: "r", parameters: [:])
        request.caller = try caller(person)
        var calls = 0
        for status in [503, 429, 500, 200, 503] {
            let answer = try await repeatable.answer(request, key: "k", .body) {
                calls += 1
                return HTTPResponse(status: status)
            }
            #expect(answer.status == (calls == 4 ? 200 : status))
        }
        #expect(calls == 4)
    }

    @Test func inProgress() async throws {
        let hub = try await TestHub.shared
        let person = try await hub.person()
        let repeatable = RepeatableRequests(
            store: RequestKeyStore(context: hub.context), logger: .init(minimum: .error))
        var request = RestRequest(
            http: HTTPRequest(method: "POST", path: "/groups", body: Array(#"{"name":"g"}"#.utf8)), requestID: "r",
            parameters: [:])
        request.caller = try caller(person)
        let answer = try await repeatable.answer(request, key: "k", .body) {
            let other = await create(person, key: "k")
            #expect(other.status == 409 && other.problem == "request-in-progress")
            #expect(other.header("Retry-After").flatMap { Int($0) }.map { 1...5 ~= $0 } == true)
            #expect(await create(person, key: "k", "{}").problem == "idempotency-key-reused")
            return HTTPResponse(status: 204)
        }
        #expect(answer.status == 204)
        #expect(await create(person, key: "k").status == 204)
    }

    // MARK: Files

    private func upload(
        _ person: Person, _ body: String, name: String = "a.txt", type: String = "text/plain"
    ) async -> Answer {
        await person.call(
            "POST", "/attachments?name=\(name)", body, headers: [("content-type", type), ("idempotency-key", "k")])
    }

    /// A file is the same however it is wrapped: each form has a boundary of its own.
    @Test func aFileIsStoredOnce() async throws {
        let person = try await TestHub.shared.person()
        let first = await upload(person, "content")
        #expect(first.status == 201)
        let form = "--x\r\nContent-Disposition: form-data; name=\"f\"; filename=\"b\"\r\n\r\ncontent\r\n--x--\r\n"
        for again in [
            await upload(person, "content"), await upload(person, form, type: "multipart/form-data; boundary=x"),
        ] {
            #expect(again.status == 201 && again.text == first.text)
            #expect(again.header("Idempotency-Replayed") == "true" && again.header("Location") != nil)
        }
        #expect(await upload(person, "other").problem == "idempotency-key-reused")
        #expect(await upload(person, "content", name: "b.txt").problem == "idempotency-key-reused")
    }

    @Test func aFileThatWasRefusedCanBeSentAgain() async throws {
        let person = try await TestHub.shared.person()
        #expect(await upload(person, "no image", type: "image/png").status == 415)
        #expect(await upload(person, "content").status == 201)
    }

    /// The routes of rest.md; those of others than these take no key.
    @Test func theRoutesThatTakeAKey() {
        let keyed = Route.all.filter { $0.repeats != .notKept }
        #expect(keyed.allSatisfy { $0.method == "POST" })
        let expected: Set = [
            "/bots", "/friends/add", "/groups", "/groups/{id}/add", "/groups/{id}/invites",
            "/messages/group/{group_id}/{seq}/reactions",
            "/messages/direct/{low}/{high}/{seq}/reactions", "/attachments",
        ]
        #expect(Set(keyed.map(\.pattern.text)) == expected)
    }
}
