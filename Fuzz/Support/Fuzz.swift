import Glibc

/// Runs a fuzz target and does not return. libFuzzer reads the arguments, unless they ask for what it starts from: `--seeds FOLDER` writes
/// the seeds, one file each, and `--words FILE` its dictionary.
/// - Parameters:
///   - seeds: inputs that reach far into what is tested; made by code, so that they change with the formats.
///   - words: pieces of input that mutation would not find by itself.
///   - test: traps if something is wrong with what came of the input.
package func fuzz(seeds: () -> [[UInt8]], words: [String], _ test: @escaping ([UInt8]) -> Void) -> Never {
    let arguments = CommandLine.arguments
    if arguments.count == 3, arguments[1] == "--seeds" {
        for (index, seed) in seeds().enumerated() { write(seed, to: "\(arguments[2])/seed-\(index)") }
        exit(0)
    }
    if arguments.count == 3, arguments[1] == "--words" {
        write(words.flatMap { Array(dictionaryLine($0).utf8) }, to: arguments[2])
        exit(0)
    }
    theTest = test
    var count = CommandLine.argc
    var values = CommandLine.unsafeArgv
    exit(
        runDriver(&count, &values) { bytes, count in
            theTest(Array(UnsafeBufferPointer(start: bytes, count: count)))
            return 0
        })
}

/// A function of C gets no context, and a process has one target.
nonisolated(unsafe) private var theTest: ([UInt8]) -> Void = { _ in }

private typealias Arguments = UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>

/// The entry of libFuzzer for programs that have a `main` of their own (llvm.org/docs/LibFuzzer.html, "Using libFuzzer as a library").
@_silgen_name("LLVMFuzzerRunDriver")
private func runDriver(
    _ count: UnsafeMutablePointer<CInt>, _ values: UnsafeMutablePointer<Arguments>,
    _ callback: @convention(c) (UnsafePointer<UInt8>?, Int) -> CInt
) -> CInt

private func write(_ bytes: [UInt8], to path: String) {
    guard let file = fopen(path, "w") else { fatalError("cannot write \(path)") }
    fwrite(bytes, 1, bytes.count, file)
    fclose(file)
}

private func dictionaryLine(_ word: String) -> String {
    let bytes = word.utf8.map { byte in
        let digits = String(byte, radix: 16, uppercase: true)
        return "\\x" + (digits.utf8.count < 2 ? "0" : "") + digits
    }
    return "\"\(bytes.joined())\"\n"
}

private let isTracing = getenv("FUZZ_TRACE") != nil

/// Tells what an input does, for who runs it again with `FUZZ_TRACE=1`.
package func trace(_ text: @autoclosure () -> String) {
    // Straight to the descriptor, so that nothing is lost when the input ends the process.
    if isTracing {
        let line = Array("\(text())\n".utf8)
        _ = Glibc.write(STDERR_FILENO, line, line.count)
    }
}

/// Ends the run with this input if the condition does not hold.
package func expect(
    _ condition: Bool, _ message: @autoclosure () -> String, file: StaticString = #fileID, line: UInt = #line
) {
    if !condition { fatalError(message(), file: file, line: line) }
}

/// Ends the run with this input if the two differ.
package func expectEqual<Value: Equatable>(
    _ left: Value, _ right: Value, _ message: @autoclosure () -> String, file: StaticString = #fileID,
    line: UInt = #line
) {
    if left != right { fatalError("\(message()): \(left) is not \(right)", file: file, line: line) }
}
