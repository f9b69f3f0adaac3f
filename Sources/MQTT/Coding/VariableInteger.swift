/// Variable byte integers: seven bits a byte, least significant first, at most four bytes (MQTT 5 §1.5.5).
package enum VariableInteger {
    package static let max = 268_435_455

    /// How many bytes `value` takes.
    package static func length(_ value: Int) -> Int {
        precondition(value >= 0 && value <= max)
        return value < 1 << 7 ? 1 : value < 1 << 14 ? 2 : value < 1 << 21 ? 3 : 4
    }
}
