import Diagnostics
import Glibc

/// The command: `confab serve` runs the hub, `confab token` mints a token, `confab user` administers accounts.
@main
struct Confab {
    private static let usageStatus: Int32 = 64
    /// After an error; the whole list would push the error off the screen.
    private static let helpHint = "`confab help` lists commands and flags.\n"

    /// Not asynchronous: signals are to be blocked before the first other thread is there, and Swift's are when an asynchronous one begins.
    static func main() {
        // A peer that is gone shows as an error of the write, not as a signal.
        signal(SIGPIPE, SIG_IGN)
        guard CommandLine.arguments.count > 1 else { fail(Options.usage) }
        switch CommandLine.arguments[1] {
        case "serve": serve(CommandLine.arguments.dropFirst(2))
        case "token": token(CommandLine.arguments.dropFirst(2))
        case "user": user(CommandLine.arguments.dropFirst(2))
        case "help", "--help", "-h": StandardStream.output.write(Options.usage)
        case let other: fail("confab: \(other): unknown command\n" + helpHint)
        }
    }

    private static func serve(_ arguments: some Sequence<String>) {
        switch Options.parse(arguments, environment: environment) {
        case .help: StandardStream.output.write(Options.usage)
        case .wrong(let problem): fail("confab: \(problem)\n" + helpHint)
        case .options(let options):
            let logger = Logger(minimum: environment("CONFAB_LOG") == "debug" ? .debug : .info)
            let signals = SignalWaiter()
            Task {
                do {
                    try await Server(options, logger).run(until: signals)
                    exit(0)
                } catch {
                    logger.error("\(error)")
                    exit(1)
                }
            }
            while true { pause() }
        }
    }

    private static func token(_ arguments: some Sequence<String>) {
        switch TokenCommand.parse(arguments, environment: environment) {
        case .help: StandardStream.output.write(TokenCommand.usage)
        case .wrong(let problem): fail("confab token: \(problem)\n`confab token --help` lists the flags.\n")
        case .options(let command):
            do {
                let token = try command.mint(now: SystemClock.wallMilliseconds() / 1000)
                guard StandardStream.output.write(token + "\n") else {
                    throw TokenCommand.Failure(description: "the token could not be written")
                }
            } catch {
                StandardStream.error.write("confab token: \(error)\n")
                exit(1)
            }
        }
    }

    private static func user(_ arguments: some Sequence<String>) {
        switch UserCommand.parse(arguments, environment: environment) {
        case .help: StandardStream.output.write(UserCommand.usage)
        case .wrong(let problem): fail("confab user: \(problem)\n`confab user --help` lists actions and flags.\n")
        case .options(let command):
            Task {
                do {
                    try await command.run()
                    exit(0)
                } catch {
                    StandardStream.error.write("confab user: \(error)\n")
                    exit(1)
                }
            }
            while true { pause() }
        }
    }

    private static func environment(_ name: String) -> String? { getenv(name).map { String(cString: $0) } }

    private static func fail(_ text: String) -> Never {
        StandardStream.error.write(text)
        exit(usageStatus)
    }
}
