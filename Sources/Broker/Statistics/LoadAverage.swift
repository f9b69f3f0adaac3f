/// Events a minute, smoothed over 1, 5 and 15 minutes as Unix does it: each sample moves the average towards itself by as much as the time
/// between samples is of the period.
struct LoadAverage {
    /// Minutes, and e to the power of minus the sampling time by the period.
    private static let periods: [(minutes: Int, weight: Double)] = [
        (1, 0.846_481_724_890_614_1), (5, 0.967_216_100_482_005_9), (15, 0.988_950_389_293_922_3),
    ]

    private var averages = [Double](repeating: 0, count: periods.count)
    /// The counter at the last sample.
    private var last = 0

    /// To be called every `Limits.statisticsMilliseconds`.
    mutating func sample(_ counter: Int) {
        precondition(Limits.statisticsMilliseconds == 10_000, "the weights are made for it")
        let perMinute = Double(counter - last) * 60_000 / Double(Limits.statisticsMilliseconds)
        last = counter
        for (index, period) in Self.periods.enumerated() {
            averages[index] = perMinute + period.weight * (averages[index] - perMinute)
        }
    }

    /// `("1min", "12.34")`, …
    var values: [(name: String, value: String)] {
        zip(Self.periods, averages).map { ("\($0.minutes)min", Self.text($1)) }
    }

    /// With two decimals.
    private static func text(_ value: Double) -> String {
        let hundredths = Int((value * 100).rounded())
        let cents = hundredths % 100
        return "\(hundredths / 100).\(cents < 10 ? "0" : "")\(cents)"
    }
}
