import Testing

@testable import RestBridge

/// Which web pages may call the API; `https://app.example` is one of `--origin`.
struct CrossOriginTests {
    @Test(arguments: ["https://app.example", "https://hub.example"]) func ourPagesMayCall(origin: String) async throws {
        let person = try await TestHub.shared.person()
        let preflight = await person.hub.call(
            "OPTIONS", "/groups",
            headers: [("origin", origin), ("access-control-request-method", "POST")])
        #expect(preflight.status == 204 && preflight.response.body.isEmpty)
        #expect(preflight.header("Access-Control-Allow-Origin") == origin)
        #expect(preflight.header("Access-Control-Allow-Methods") == "GET, POST, HEAD, OPTIONS")
        #expect(preflight.header("Access-Control-Max-Age") != nil && preflight.header("Vary") == "Origin")
        let allowed = preflight.header("Access-Control-Allow-Headers")?.lowercased() ?? ""
        for name in ["authorization", "content-type", "if-match", "idempotency-key", "range"] {
            #expect(allowed.contains(name))
        }
        for (target, status) in [("/profile", 200), ("/nothing", 404), ("/users?limit=0", 422)] {
            let answer = await person.call("GET", target, headers: [("origin", origin)])
            #expect(answer.status == status && answer.header("Access-Control-Allow-Origin") == origin)
            #expect(answer.header("Vary") == "Origin")
            let exposed = answer.header("Access-Control-Expose-Headers")?.lowercased() ?? ""
            for name in [
                "location", "etag", "x-request-id", "ratelimit", "ratelimit-policy", "retry-after", "content-range",
                "idempotency-replayed",
            ] {
                #expect(exposed.contains(name))
            }
            #expect(answer.header("Access-Control-Allow-Credentials") == nil)
        }
    }

    @Test(arguments: [
        "https://evil.example", "http://app.example", "https://app.example:8443", "https://app.example.evil", "null",
        "https://sub.app.example", "nonsense", "",
    ])
    func othersAreToldNothing(origin: String) async throws {
        let person = try await TestHub.shared.person()
        let preflight = await person.hub.call(
            "OPTIONS", "/groups", headers: [("origin", origin), ("access-control-request-method", "POST")])
        #expect(preflight.status == 204 && preflight.header("Allow") == "GET, POST, HEAD, OPTIONS")
        let answer = await person.call("GET", "/profile", headers: [("origin", origin)])
        #expect(answer.status == 200, "what it got, its browser keeps from it")
        for answer in [preflight, answer] {
            #expect(answer.header("Vary") == "Origin")
            #expect(!answer.response.headers.contains { $0.name.hasPrefix("Access-Control") })
        }
    }

    @Test func plainOptionsAreNoPreflight() async throws {
        let answer = await (try TestHub.shared).call("OPTIONS", "/groups", headers: [("origin", "https://app.example")])
        #expect(answer.status == 204 && answer.header("Allow") == "GET, POST, HEAD, OPTIONS")
        #expect(answer.header("Access-Control-Allow-Origin") == "https://app.example")
        #expect(answer.header("Access-Control-Allow-Methods") == nil)
    }

    /// RFC 6797 §7.2: not without TLS.
    @Test func transportSecurityIsForTLS() async throws {
        let hub = try await TestHub.shared
        #expect(await hub.call("GET", "/nothing", isSecure: false).header("Strict-Transport-Security") == nil)
        let forwarded = [("x-forwarded-proto", "https")]
        let proxied = await hub.call("GET", "/nothing", headers: forwarded, from: "10.0.0.1", isSecure: false)
        #expect(proxied.header("Strict-Transport-Security") != nil)
        let claimed = await hub.call("GET", "/nothing", headers: forwarded, isSecure: false)
        #expect(claimed.header("Strict-Transport-Security") == nil, "anybody can say so")
    }
}
