/// Numbers that follow from a seed (SplitMix64).
struct Random {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var value = state
        value = (value ^ value >> 30) &* 0xBF58_476D_1CE4_E5B9
        value = (value ^ value >> 27) &* 0x94D0_49BB_1331_11EB
        return value ^ value >> 31
    }

    /// 0 to `end` - 1.
    mutating func below(_ end: Int) -> Int { Int(next() % UInt64(end)) }

    mutating func number(in range: ClosedRange<Int>) -> Int { range.lowerBound + below(range.count) }

    /// True in so many of 1,000 cases.
    mutating func happens(_ perMille: Int) -> Bool { below(1_000) < perMille }

    mutating func pick<Value>(_ values: [Value]) -> Value { values[below(values.count)] }
}
