import Testing

@testable import Broker

/// The file of `--limits`.
struct RateLimitsFileTests {
    private func read(_ text: String) throws(RateLimits.Flaw) -> RateLimits { try RateLimits(file: Array(text.utf8)) }

    @Test func builtInOnesStandUnlessNamed() throws {
        #expect(try read("{}") == .builtIn)
        var expected = RateLimits.builtIn
        expected[.publishes] = RateLimits.Rate(7, seconds: 2, burst: 9)
        expected[.signUps] = RateLimits.Rate(3, seconds: 1)
        expected[.searches] = nil
        expected.connectionsPerUser = 2
        expected.connections = nil
        let file = #"""
            {"publishes": {"count": 7, "seconds": 2, "burst": 9}, "sign_ups": {"count": 3}, "searches": "off",
             "connections_per_user": 2, "connections": "off"}
            """#
        #expect(try read(file) == expected)
    }

    @Test func everyLimitCanBeSet() throws {
        for name in RateLimits.Name.allCases {
            #expect(RateLimits.builtIn[name] != nil)
            #expect(try read(#"{"\#(name.rawValue)":"off"}"#)[name] == nil)
        }
    }

    @Test(arguments: [
        ("", "is not JSON: unexpected end at byte 0"), ("[]", "must be a JSON object"),
        (#"{"publish":1}"#, "publish: there is no such limit"),
        (#"{"publishes":50}"#, #"publishes: must be {"count":…, "seconds":…, "burst":…}, or "off""#),
        (#"{"publishes":{"seconds":1}}"#, "publishes.count: is missing"),
        (#"{"publishes":{"count":0}}"#, "publishes.count: must be a number from 1 to 10000"),
        (#"{"publishes":{"count":1.5}}"#, "publishes.count: must be a number from 1 to 10000"),
        (#"{"publishes":{"count":10001}}"#, "publishes.count: must be a number from 1 to 10000"),
        (#"{"publishes":{"count":1,"seconds":0}}"#, "publishes.seconds: must be a number from 1 to 2678400"),
        (#"{"publishes":{"count":1,"burst":1000001}}"#, "publishes.burst: must be a number from 1 to 1000000"),
        (
            #"{"publishes":{"count":2000000,"seconds":600}}"#,
            "publishes.burst: must be there, as count is above 1000000"
        ),
        (#"{"publishes":{"count":1,"minutes":1}}"#, "publishes.minutes: is not known here"),
        (#"{"connections":0}"#, #"connections: must be a number from 1 to 10000000, or "off""#),
        (#"{"connections":"on"}"#, #"connections: must be a number from 1 to 10000000, or "off""#),
    ])
    func tellsWhatIsWrong(file: String, problem: String) {
        #expect(throws: RateLimits.Flaw(problem: problem)) { try read(file) }
    }

    @Test func theSlowestAndLargestBucketFits() throws {
        let limits = try read(#"{"publishes":{"count":1,"seconds":2678400,"burst":1000000}}"#)
        let allowance = PublishAllowance(try #require(limits[.publishes]))
        for _ in 0..<10 { #expect(allowance.charge(now: 1 << 40) == 0) }
    }
}
