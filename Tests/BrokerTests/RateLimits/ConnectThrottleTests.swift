import Diagnostics
import Identity
import MQTT
import Testing
import Transport

@testable import Broker

/// protocol.md §3: too many attempts at CONNECT are 0x9F, in 3.1.1 a 3; by the numbers of security.md "Log-in".
@Suite(.serialized) struct ConnectThrottleTests {
    private static func address(_ text: String) -> PeerAddress { PeerAddress(parsing: text)! }

    /// Failures that are counted until one is too many.
    private func failures(
        _ throttle: ConnectThrottle, now: Int64 = 0, max: Int = 1_000,
        _ next: (Int) -> (username: String?, address: String)
    ) -> Int {
        for count in 0..<max {
            let (username, address) = next(count)
            let bytes = username.map { Array($0.utf8) }
            guard throttle.countFailure(bytes, from: Self.address(address), now: now) else { return count }
        }
        return max
    }

    @Test func aUserNameFromAnAddress() {
        let throttle = ConnectThrottle(.builtIn)
        #expect(failures(throttle) { _ in ("ann", "192.0.2.1") } == 5)
        #expect(failures(throttle, now: 332_999) { _ in ("ann", "192.0.2.1") } == 0)
        #expect(failures(throttle, now: 333_000) { _ in ("ann", "192.0.2.1") } == 1)
        #expect(failures(throttle) { ("ann", "2001:db8::\($0)") } == 5, "64 bits of IPv6 are one address")
        #expect(failures(throttle) { ("bob\(String(repeating: "x", count: 100 + $0))", "192.0.2.3") } == 5)
    }

    @Test(arguments: [nil, ""] as [String?]) func anAddress(username: String?) {
        let throttle = ConnectThrottle(.builtIn)
        #expect(failures(throttle) { _ in (username, "192.0.2.1") } == 50)
        #expect(failures(throttle) { ("user\($0)", "192.0.2.1") } == 0)
        #expect(failures(throttle, now: 10_000) { ("user\($0)", "192.0.2.1") } == 1)
    }

    @Test func aUserNameFromAllAddresses() {
        let throttle = ConnectThrottle(.builtIn)
        #expect(failures(throttle) { ("ann", "192.0.2.\($0)") } == 100)
        #expect(failures(throttle, max: 5) { ("bob", "192.0.3.\($0)") } == 5)
    }

    @Test func offIsOff() {
        let throttle = ConnectThrottle(.off)
        #expect(failures(throttle) { _ in ("ann", "192.0.2.1") } == 1_000)
    }

    /// A good token is let in whatever came before it, and one that was good is no guess.
    @Test(arguments: [ProtocolVersion.v3_1_1, .v5]) func connects(version: ProtocolVersion) async throws {
        try await onThread {
            let hub = try TestHub(shards: 2, limits: .builtIn)
            hub.rights.set(1)
            var sent = 0
            func answer(_ username: String?, _ password: [UInt8]) throws -> ReasonCode {
                sent += 1
                let client = try TestClient(port: hub.ports[sent % 2], version: version)
                try client.sendConnect(user: nil, id: "c\(sent)") { connect in
                    connect.username = Array((username ?? "").utf8)
                    connect.password = password
                }
                let reason = try client.receiveConnack()
                if reason != .success { try client.expectEnd() }
                return reason
            }
            let good = TestHub.token(1)
            let foreign = Array(good.dropLast(20)) + [UInt8](repeating: UInt8(ascii: "A"), count: 20)
            for _ in 0..<2 { try checkEqual(try answer("ann", Array("guess".utf8)), .badUserNameOrPassword) }
            for _ in 0..<3 { try checkEqual(try answer("ann", foreign), .notAuthorized) }
            let tooMany = version == .v5 ? ReasonCode.connectionRateExceeded : .serverUnavailable
            for password in [foreign, Array("guess".utf8)] { try checkEqual(try answer("ann", password), tooMany) }
            let expired = TestHub.authority.mint(
                userID: 1, sessionID: nil, scopes: .user, now: SystemClock.wallMilliseconds() / 1000 - 7_200)
            for _ in 0..<60 { try checkEqual(try answer("ann", Array(expired.utf8)), .notAuthorized) }
            try checkEqual(try answer("1", good), .success)
            try checkEqual(try answer("bob", foreign), .notAuthorized)
            for number in 0..<44 { try checkEqual(try answer("user\(number)", foreign), .notAuthorized) }
            try checkEqual(try answer("one more", foreign), tooMany)
            try checkEqual(try answer(nil, foreign), tooMany)
            try checkEqual(try answer(nil, good), .success)
        }
    }
}
