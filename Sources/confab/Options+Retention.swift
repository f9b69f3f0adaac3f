import Persistence

extension Options {
    private static let hourMilliseconds: Int64 = 3_600_000
    private static let ages = ["h": hourMilliseconds, "d": 24 * hourMilliseconds, "y": 365 * 24 * hourMilliseconds]
    /// A thousand years in hours; nobody wants more, and products of it fit.
    private static let ageNumberMax: Int64 = 8_760_000
    private static let countMax: Int64 = 1_000_000_000_000

    var retention: [TopicKind: RetentionLimit] { [.filter: .ofFilters].merging(retentionGiven) { $1 } }

    /// Takes `CLASS=AGE`, `CLASS=COUNT` and `CLASS=off`, separated by commas. Of a class that is named, no default is left.
    /// - Returns: what is wrong with it.
    mutating func addRetention(_ value: String) -> String? {
        for item in value.split(separator: ",", omittingEmptySubsequences: false) {
            let parts = item.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            guard parts.count == 2 else { return "a list of CLASS=AGE or CLASS=COUNT, such as group=90d,group=100000" }
            guard let kind = TopicKind.allCases.first(where: { "\($0)" == parts[0] }) else {
                return "\(parts[0]): the classes are inbox, direct, group and filter"
            }
            guard let limit = Self.limit(parts[1]) else {
                return "\(item): an age such as 12h, 30d or 1y, a number of entries, or off"
            }
            guard let sum = Self.sum(retentionGiven[kind], limit) else {
                return "\(item): \(kind) has another such limit already; it takes an age and a number, or off"
            }
            retentionGiven[kind] = sum
        }
        return nil
    }

    private static func limit(_ text: Substring) -> RetentionLimit? {
        if text == "off" { return RetentionLimit() }
        let digits = text.prefix { ("0"..."9").contains($0) }
        guard let number = Int64(digits), number > 0 else { return nil }
        if digits == text { return number <= countMax ? RetentionLimit(count: number) : nil }
        guard let unit = ages[String(text[digits.endIndex...])], number <= ageNumberMax else { return nil }
        return RetentionLimit(ageMilliseconds: number * unit)
    }

    /// nil: they contradict each other.
    private static func sum(_ one: RetentionLimit?, _ other: RetentionLimit) -> RetentionLimit? {
        guard let one else { return other }
        let isContradiction =
            one.isNone || other.isNone || one.count != nil && other.count != nil
            || one.ageMilliseconds != nil && other.ageMilliseconds != nil
        guard !isContradiction else { return nil }
        return RetentionLimit(
            ageMilliseconds: one.ageMilliseconds ?? other.ageMilliseconds, count: one.count ?? other.count)
    }
}
