import Glibc
import Identity

/// Runs one seed after the other.
struct Runner {
    /// For the handler of signals: a precondition of the hub that does not hold ends the process.
    nonisolated(unsafe) private static var seed: UInt64 = 0

    private let tokens: TokenAuthority
    private let isTracing = getenv("SIM_TRACE") != nil
    private let runsTwice = getenv("SIM_TWICE") != nil
    private let start = ContinuousClock.now
    private var count = 0
    private var failures: [UInt64] = []

    init() throws {
        tokens = try TokenAuthority(directory: "/tmp/confab-simulation-\(getuid())", issuer: "https://hub.test")
        for signal in [SIGILL, SIGTRAP, SIGABRT, SIGSEGV, SIGBUS] {
            Glibc.signal(signal) { signal in
                print("seed \(Runner.seed): the process was ended by signal \(signal)")
                fflush(nil)
                Glibc.signal(signal, SIG_DFL)
                raise(signal)
            }
        }
    }

    /// - Parameter seconds: since the start, after which no seed is begun; 0: all are run.
    mutating func run(_ seeds: Range<UInt64>, seconds: UInt64 = 0) {
        for seed in seeds {
            if seconds > 0, ContinuousClock.now - start >= .seconds(seconds) { return }
            Self.seed = seed
            count += 1
            let (failure, hash) = run(seed)
            if let failure { tell(seed, failure) }
            if runsTwice, failure == nil, run(seed).hash != hash { tell(seed, "the second run was another one") }
        }
    }

    private func run(_ seed: UInt64) -> (failure: String?, hash: UInt64) {
        let run = Run(seed: seed, tokens: tokens, isTracing: isTracing)
        let failure = run.run()
        return (failure, run.world.hash)
    }

    private mutating func tell(_ seed: UInt64, _ failure: String) {
        failures.append(seed)
        print("seed \(seed): \(failure)")
        fflush(nil)
    }

    /// - Returns: the exit code.
    func finish() -> Int32 {
        let duration = (ContinuousClock.now - start).components
        let seconds = Double(duration.seconds) + Double(duration.attoseconds) / 1e18
        print(
            "\(count) seeds in \(Int(seconds.rounded())) s, \(Int(Double(count) / seconds)) a second, \(failures.count) failed"
        )
        if let seed = failures.first {
            print("SIM_TRACE=1 \(CommandLine.arguments[0]) \(seed)    # tells what happens")
        }
        return failures.isEmpty ? 0 : 1
    }
}
