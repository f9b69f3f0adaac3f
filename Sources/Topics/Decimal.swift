/// Ids in canonical decimal: no sign, no leading zero, 1 to 2^63 - 1. So one topic has one spelling.
enum Decimal {
    static func parse(_ bytes: Span<UInt8>, _ range: Range<Int>) -> Int64? {
        let digits = bytes.extracting(range)
        guard digits.count >= 1, digits.count <= 19, digits[0] != UInt8(ascii: "0") else { return nil }
        var value: UInt64 = 0
        for index in digits.indices {
            let digit = digits[index] &- UInt8(ascii: "0")
            guard digit < 10 else { return nil }
            value = value &* 10 &+ UInt64(digit)  // 19 digits are below 2^64
        }
        return Int64(exactly: value)
    }
}
