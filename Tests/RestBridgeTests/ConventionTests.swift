import Testing
import Transport

@testable import RestBridge

/// What holds for every call (rest.md, first part).
struct ConventionTests {
    struct Refusal: Sendable {
        var method: String
        var target: String
        var body: String?
        var status: Int
        var problem: String
        var headers: [String: String] = [:]
        var fields: [String] = []
    }

    static let deep = String(repeating: #"{"a":"#, count: 40) + "1" + String(repeating: "}", count: 40)

    /// By somebody who is logged in.
    static let refusals: [Refusal] = [
        Refusal(method: "GET", target: "/nothing", status: 404, problem: "not-found"),
        Refusal(method: "GET", target: "/groups/", status: 404, problem: "not-found"),
        Refusal(method: "GET", target: "/groups/01", status: 404, problem: "not-found"),
        Refusal(method: "GET", target: "/groups/9223372036854775808", status: 404, problem: "not-found"),
        Refusal(method: "GET", target: "/users/%zz", status: 400, problem: "bad-request"),
        Refusal(method: "GET", target: "/users?query=%ff", status: 400, problem: "bad-request"),
        Refusal(method: "DELETE", target: "/signup", status: 405, problem: "method-not-allowed"),
        Refusal(method: "BREW", target: "/groups/1", status: 405, problem: "method-not-allowed"),
        Refusal(
            method: "GET", target: "/profile", status: 406, problem: "not-acceptable", headers: ["accept": "text/html"]),
        Refusal(
            method: "PUT", target: "/profile", body: "display_name=x", status: 415, problem: "unsupported-media-type",
            headers: ["content-type": "application/x-www-form-urlencoded"]),
        Refusal(
            method: "PUT", target: "/profile", body: "{}", status: 415, problem: "unsupported-media-type",
            headers: ["content-type": "application/merge-patch+json"]),
        Refusal(
            method: "POST", target: "/messages", body: "{}", status: 415, problem: "unsupported-media-type",
            headers: ["content-type": "text/plain"]),
        Refusal(method: "PUT", target: "/profile", body: "", status: 400, problem: "bad-request"),
        Refusal(method: "PUT", target: "/profile", body: "{", status: 400, problem: "bad-request"),
        Refusal(method: "PUT", target: "/profile", body: "{}x", status: 400, problem: "bad-request"),
        Refusal(method: "PUT", target: "/profile", body: "[]", status: 400, problem: "bad-request"),
        Refusal(method: "PUT", target: "/profile", body: deep, status: 400, problem: "bad-request"),
        Refusal(method: "PUT", target: "/profile", body: #"{"a":1,"a":1}"#, status: 422, problem: "invalid-request"),
        Refusal(method: "PUT", target: "/profile", body: #"{"a":"\u0000"}"#, status: 422, problem: "invalid-request"),
        Refusal(method: "PUT", target: "/profile", body: #"{"a":"\ud800"}"#, status: 422, problem: "invalid-request"),
        Refusal(method: "POST", target: "/messages", body: "[]", status: 400, problem: "bad-request"),
        Refusal(
            method: "POST", target: "/logout", body: #"{"all":true}"#, status: 422, problem: "invalid-request",
            fields: ["all"]),
        Refusal(
            method: "PUT", target: "/profile", body: #"{"bio":5,"nope":1,"avatar":7}"#, status: 422,
            problem: "invalid-request", fields: ["display_name", "bio", "avatar", "nope"]),
        Refusal(
            method: "GET", target: "/friends?limit=0", status: 422, problem: "invalid-request", fields: ["limit"]),
        Refusal(
            method: "GET", target: "/friends?limit=201", status: 422, problem: "invalid-request", fields: ["limit"]),
        Refusal(method: "GET", target: "/friends?limit=", status: 422, problem: "invalid-request", fields: ["limit"]),
        Refusal(
            method: "GET", target: "/friends?limit=-1&cursor=x&nope=1", status: 422, problem: "invalid-request",
            fields: ["limit", "cursor", "nope"]),
        Refusal(
            method: "GET", target: "/notifications?before=1&after=1", status: 422, problem: "invalid-request",
            fields: ["before"]),
        Refusal(
            method: "GET", target: "/conversations?cursor=1", status: 422, problem: "invalid-request",
            fields: ["cursor"]),
        Refusal(
            method: "GET", target: "/friends?limit=1&limit=1", status: 422, problem: "invalid-request",
            fields: ["limit", "limit"]),
    ]

    @Test(arguments: refusals) func refuses(sample: Refusal) async throws {
        let person = try await TestHub.shared.person()
        let headers = sample.headers.map { (name: $0.key, value: $0.value) }
        let answer = await person.call(sample.method, sample.target, sample.body, headers: headers)
        #expect(answer.status == sample.status, "\(answer.text)")
        #expect(answer.problem == sample.problem)
        #expect(answer.fields == sample.fields)
        #expect(answer.header("Content-Type") == "application/problem+json")
        #expect(answer["status"]?.int64 == Int64(sample.status))
        #expect(answer["title"]?.string?.isEmpty == false && answer["detail"]?.string?.isEmpty == false)
        #expect(answer["request_id"]?.string == answer.header("X-Request-Id"))
        if sample.status == 405 { #expect(answer.header("Allow")?.contains("OPTIONS") == true) }
    }

    @Test func commonHeaders() async throws {
        let hub = try await TestHub.shared
        let first = await hub.call("GET", "/nothing")
        let second = await hub.call("OPTIONS", "/profile")
        for answer in [first, second] {
            #expect(answer.header("Cache-Control") == "no-store")
            #expect(answer.header("X-Content-Type-Options") == "nosniff")
            #expect(answer.header("Strict-Transport-Security") != nil)
            #expect(answer.header("Content-Security-Policy") != nil)
        }
        #expect(first.header("X-Request-Id") != second.header("X-Request-Id"))
    }

    @Test func optionsNeedNoToken() async throws {
        let hub = try await TestHub.shared
        let answer = await hub.call("OPTIONS", "/profile")
        #expect(answer.status == 204 && answer.response.body.isEmpty)
        #expect(answer.header("Allow") == "GET, PUT, PATCH, HEAD, OPTIONS")
        #expect(await hub.call("OPTIONS", "/nothing").status == 404)
    }

    @Test func headIsAnsweredLikeGet() async throws {
        let person = try await TestHub.shared.person()
        let head = await person.call("HEAD", "/profile")
        let get = await person.call("GET", "/profile")
        #expect(head.status == 200 && head.text == get.text)
    }

    /// Every route in the table that needs a token says so before it looks at anything.
    @Test func nothingIsOpen() async throws {
        let hub = try await TestHub.shared
        let open = Set(Route.all.filter { $0.authentication == .none }.map(\.pattern.text))
        let expected: Set = [
            "/signup", "/login", "/token/refresh", "/.well-known/jwks.json", "/password/forgot", "/password/reset",
            "/email/verify", "/openapi.json", "/asyncapi.json", "/docs", "/docs/assets/{name}", "/docs/problems",
            "/docs/problems/{name}", "/docs/style.css",
            "/problems/{name}",
        ]
        #expect(open == expected)
        for route in Route.all where route.authentication != .none {
            let path = route.pattern.text.split(separator: "/").map { $0.hasPrefix("{") ? "1" : $0 }
            let answer = await hub.call(route.method, "/" + path.joined(separator: "/"))
            #expect(answer.status == 401, "\(route.method) \(route.pattern.text)")
            #expect(answer.problem == "authentication-required")
            #expect(answer.header("WWW-Authenticate") == "Bearer realm=\"https://hub.example\"")
        }
    }

    @Test func routesAreDistinct() {
        let all = Route.all.map { "\($0.method) \($0.pattern.text)" }
        #expect(Set(all).count == all.count)
    }

    @Test func problemNamesAreDistinctAndWhole() {
        for kind in ProblemKind.allCases {
            #expect((400..<600).contains(kind.status) && !kind.title.isEmpty)
            #expect(kind.rawValue.utf8.allSatisfy { UInt8(ascii: "a")...UInt8(ascii: "z") ~= $0 || $0 == 0x2D })
        }
    }

    @Test func tooLarge() async throws {
        let person = try await TestHub.shared.person()
        let body = #"{"display_name":"\#(String(repeating: "x", count: 1 << 20))"}"#
        for target in ["PUT /profile", "POST /messages"] {
            let parts = target.split(separator: " ").map(String.init)
            let answer = await person.call(parts[0], parts[1], body)
            #expect(answer.status == 413 && answer.problem == "too-large")
        }
    }
}
