import Persistence
import Testing

@testable import confab

/// `--retention CLASS=AGE|COUNT|off[,…]`.
@Suite struct RetentionOptionTests {
    private static let day: Int64 = 86_400_000

    private func parse(_ arguments: [String], _ environment: String? = nil) -> Parsed<Options> {
        Options.parse(arguments, environment: { $0 == "CONFAB_RETENTION" ? environment : nil })
    }

    private func retention(_ arguments: [String], _ environment: String? = nil) -> [TopicKind: RetentionLimit]? {
        guard case .options(let options) = parse(arguments, environment) else { return nil }
        return options.retention
    }

    /// Each: values of the flag, and what of them comes beside the default for filters.
    @Test(
        arguments: [
            ([], [:]), (["direct=365d"], [.direct: RetentionLimit(ageMilliseconds: 365 * day)]),
            (
                ["direct=1y,group=90d,group=100000,inbox=12h"],
                [
                    .direct: RetentionLimit(ageMilliseconds: 365 * day),
                    .group: RetentionLimit(ageMilliseconds: 90 * day, count: 100_000),
                    .inbox: RetentionLimit(ageMilliseconds: day / 2),
                ]
            ),
            (
                ["group=5", "group=1d", "inbox=1"],
                [
                    .group: RetentionLimit(ageMilliseconds: day, count: 5), .inbox: RetentionLimit(count: 1),
                ]
            ),
            (["filter=7d"], [.filter: RetentionLimit(ageMilliseconds: 7 * day)]),
            (["filter=off,group=off"], [.filter: RetentionLimit(), .group: RetentionLimit()]),
            (
                ["group=1000000000000,group=1000y"],
                [
                    .group: RetentionLimit(ageMilliseconds: 365_000 * day, count: 1_000_000_000_000)
                ]
            ),
        ] as [([String], [TopicKind: RetentionLimit])])
    func takes(_ values: [String], _ expected: [TopicKind: RetentionLimit]) {
        let all = [TopicKind.filter: RetentionLimit.ofFilters].merging(expected) { $1 }
        #expect(retention(values.flatMap { ["--retention", $0] }) == all)
    }

    /// Each: a value, and what the error names.
    @Test(
        arguments: [
            ("group", "CLASS=AGE"), ("90d", "CLASS=AGE"), ("groups=5", "groups"), ("=5", "classes"),
            ("message=5", "message"), ("group=", "group="), ("group=0", "group=0"), ("group=-1", "group=-1"),
            ("group=+5", "group=+5"), ("group=1.5d", "group=1.5d"), ("group=5m", "group=5m"), ("group=d", "group=d"),
            ("group=5 d", "group=5 d"), ("group=1000000000001", "group=1000000000001"),
            ("group=99999999999999999999", "group=99999999999999999999"), ("group=9000000h", "group=9000000h"),
            ("group=5,", "CLASS=AGE"), ("group=5,direct=x", "direct=x"), ("group=5,group=6", "group=6"),
            ("group=5d,group=6y", "group=6y"), ("group=off,group=6", "group=6"), ("group=5,group=off", "group=off"),
        ])
    func refuses(_ value: String, _ named: String) {
        guard case .wrong(let problem) = parse(["--retention", value]) else {
            Issue.record("taken: \(value)")
            return
        }
        #expect(problem.hasPrefix("--retention: ") && problem.contains(named))
    }

    @Test func theFlagWinsOverTheEnvironment() {
        #expect(retention([], "group=5")?[.group] == RetentionLimit(count: 5))
        let both = retention(["--retention", "direct=6"], "group=5")
        #expect(both?[.group] == nil && both?[.direct] == RetentionLimit(count: 6))
    }
}
