import Glibc
import Identity
import ShardSupport

// Runs seeds, and tells of those that fail: `Simulation FIRST COUNT [SECONDS]`. If the time is not over after these seeds, further ones follow,
// from a random one on. With SIM_TRACE=1 each tells what it does; with SIM_TWICE=1 each is run twice, and must do the same again.

// Hashes that differ from process to process would make each run another one.
if getenv("SWIFT_DETERMINISTIC_HASHING") == nil {
    setenv("SWIFT_DETERMINISTIC_HASHING", "1", 1)
    setenv("SWIFT_BACKTRACE", "enable=no", 0)
    execv("/proc/self/exe", CommandLine.unsafeArgv)
    fatalError("cannot start again: \(errno)")
}

let numbers = CommandLine.arguments.dropFirst().map { UInt64($0) }
guard 1...3 ~= numbers.count, !numbers.contains(nil) else {
    print("Simulation FIRST [COUNT [SECONDS]]")
    exit(64)
}
let first = numbers[0]!, count = numbers.count > 1 ? numbers[1]! : 1
let seconds = numbers.count > 2 ? numbers[2]! : 0

Jobs.install()
var runner = try Runner()
runner.run(first..<first + count)
if seconds > 0 {
    let random = UInt64.random(in: 1 << 32..<1 << 48)
    print("random seeds from \(random) on")
    runner.run(random..<random + 1 << 40, seconds: seconds)
}
exit(runner.finish())
