import Glibc
import Persistence
import RestBridge

/// A program that takes a mail on its standard input, as sendmail(8) does. Whom it is for stands in the mail's header, and behind the
/// arguments unless `-t` is one of them.
struct MailCommand: Sendable, Equatable {
    enum Outcome: Equatable {
        case delivered
        /// What went wrong.
        case failed(String)
    }

    private static let limitMilliseconds: Int64 = 60_000
    private static let searched = ["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"]

    private let arguments: [String]
    private let readsRecipients: Bool

    /// Words separated by spaces, without a shell. A program without a slash is looked for where programs are.
    /// Nil if there is none.
    init?(_ text: String) {
        var words = text.split(separator: " ").map(String.init)
        guard let name = words.first else { return nil }
        let candidates = name.contains("/") ? [name] : Self.searched.map { "\($0)/\(name)" }
        guard let path = candidates.first(where: { access($0, X_OK) == 0 }), let real = realpath(path, nil) else {
            return nil
        }
        // A link's own name may be what tells a program what to be, as /usr/sbin/sendmail does: only relative paths are resolved.
        words[0] = path.hasPrefix("/") ? path : String(cString: real)
        free(real)
        arguments = words
        readsRecipients = words.dropFirst().contains("-t")
    }

    /// Waits, so not for a task's thread.
    func deliver(_ message: [UInt8], to recipient: String) -> Outcome {
        do throws(EmbeddedPostgresError) {
            let code = try ChildProcess.feed(
                message, to: arguments + (readsRecipients ? [] : [recipient]),
                limitMilliseconds: Self.limitMilliseconds)
            guard let code else { return .failed("it took longer than \(Self.limitMilliseconds / 1000) s") }
            return code == 0 ? .delivered : .failed(code < 0 ? "a signal ended it" : "exit code \(code)")
        } catch {
            return .failed("\(error)")
        }
    }
}
