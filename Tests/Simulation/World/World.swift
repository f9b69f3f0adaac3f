import Glibc

/// What all parts of a run share: the seed's numbers, the clock, the trace, and the first thing that went wrong. Everything is on one
/// thread.
final class World: @unchecked Sendable {
    /// Unix milliseconds when the simulated clock stands at 0.
    static let start: Int64 = 1_800_000_000_000

    let seed: UInt64
    var random: Random
    /// Monotonic milliseconds.
    var now: Int64 = 1_000_000
    /// Counts what was done: moments that the clock does not tell apart.
    var step = 0
    /// Nothing fails any more.
    var isHealed = false
    private(set) var failure: String?
    /// Of all that was noted: two runs of a seed have the same.
    private(set) var hash: UInt64 = 0xCBF2_9CE4_8422_2325
    private let isTracing: Bool

    init(seed: UInt64, isTracing: Bool) {
        self.seed = seed
        self.isTracing = isTracing
        random = Random(seed: seed)
    }

    var wall: Int64 { Self.start + now }

    /// Keeps the first failure; the run ends with it.
    func fail(_ text: @autoclosure () -> String) {
        guard failure == nil else { return }
        failure = text()
        print("FAILED: \(text())")
    }

    func expect(_ condition: Bool, _ text: @autoclosure () -> String) {
        if !condition { fail(text()) }
    }

    // MARK: Trace

    /// Notes what happens, for the hash; with a trace also as a line.
    func note(_ what: StaticString, _ first: Int = 0, _ second: Int = 0, _ text: @autoclosure () -> String = "") {
        what.withUTF8Buffer { for byte in $0 { mix(UInt64(byte)) } }
        mix(UInt64(bitPattern: Int64(first)))
        mix(UInt64(bitPattern: Int64(second)))
        if isTracing { print("\(what) \(first) \(second) \(text())") }
    }

    func note(bytes: ArraySlice<UInt8>) { for byte in bytes { mix(UInt64(byte)) } }

    private func mix(_ value: UInt64) { hash = (hash ^ value) &* 0x100_0000_01B3 }

    private func print(_ text: String) {
        guard isTracing else { return }
        // Straight to the descriptor, so that nothing is lost when a precondition ends the process.
        let line = Array("\(step) \(now) \(text)\n".utf8)
        _ = line.withUnsafeBytes { Glibc.write(STDERR_FILENO, $0.baseAddress, $0.count) }
    }
}
