import Testing
import Transport

@testable import RestBridge

struct TrustedProxiesTests {
    struct Case: Sendable {
        var peer: String
        var forwarded: [String]
        var client: String
    }

    static let cases: [Case] = [
        Case(peer: "10.0.0.1", forwarded: ["203.0.113.7"], client: "203.0.113.7"),
        // A stranger's header is a stranger's claim.
        Case(peer: "198.51.100.1", forwarded: ["203.0.113.7"], client: "198.51.100.1"),
        // What the client wrote itself stands to the left of what the proxy saw.
        Case(peer: "10.0.0.1", forwarded: ["1.1.1.1, 203.0.113.7"], client: "203.0.113.7"),
        Case(peer: "10.0.0.1", forwarded: ["1.1.1.1", "203.0.113.7 , 10.9.9.9"], client: "203.0.113.7"),
        Case(peer: "10.0.0.1", forwarded: ["10.0.0.5, 10.0.0.6"], client: "10.0.0.5"),
        Case(peer: "10.0.0.1", forwarded: [], client: "10.0.0.1"),
        Case(peer: "10.0.0.1", forwarded: ["unknown"], client: "10.0.0.1"),
        Case(peer: "10.0.0.1", forwarded: ["203.0.113.7, nonsense, 10.0.0.2"], client: "10.0.0.2"),
        Case(peer: "10.0.0.1", forwarded: ["203.0.113.7:4711"], client: "203.0.113.7"),
        Case(peer: "10.0.0.1", forwarded: ["[2001:DB9::1]:4711"], client: "2001:db9::1"),
        Case(peer: "2001:db8::9", forwarded: ["2001:db9::1"], client: "2001:db9::1"),
        Case(peer: "", forwarded: ["203.0.113.7"], client: ""),
    ]

    @Test(arguments: cases) func finds(sample: Case) {
        let proxies = TrustedProxies([AddressRange("10.0.0.0/8")!, AddressRange("2001:db8::/32")!])
        var request = HTTPRequest(
            method: "GET", path: "/", headers: sample.forwarded.map { ("x-forwarded-for", $0) })
        request.peerAddress = sample.peer
        #expect(proxies.client(of: request) == sample.client)
        #expect(TrustedProxies([]).client(of: request) == sample.peer)
    }
}
