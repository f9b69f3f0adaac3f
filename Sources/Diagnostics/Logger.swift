import Glibc
import Synchronization

/// Writes log lines to standard error: `2026-11-22T09:00:00.123Z info  reactor started index=0`. One write per line, so that lines of
/// several threads never mix. Secrets and payloads are never logged (security.md).
package struct Logger: Sendable {
    package enum Level: Int, Sendable, Comparable {
        case debug, info, warning, error

        package static func < (left: Self, right: Self) -> Bool { left.rawValue < right.rawValue }

        var label: String {
            switch self {
            case .debug: "debug"
            case .info: "info "
            case .warning: "warn "
            case .error: "error"
            }
        }
    }

    private let minimum: Level
    private let write: @Sendable (String) -> Void

    /// - Parameter write: gets each line without its line feed; tests collect them.
    package init(minimum: Level = .info, write: @escaping @Sendable (String) -> Void = Logger.writeToStandardError) {
        self.minimum = minimum
        self.write = write
    }

    package func debug(_ text: @autoclosure () -> String) { log(.debug, text) }
    package func info(_ text: @autoclosure () -> String) { log(.info, text) }
    package func warning(_ text: @autoclosure () -> String) { log(.warning, text) }
    package func error(_ text: @autoclosure () -> String) { log(.error, text) }

    private func log(_ level: Level, _ text: () -> String) {
        guard level >= minimum else { return }
        write("\(Self.timestamp()) \(level.label) \(Self.sanitized(text()))")
    }

    /// Control characters that a peer may have smuggled into a name would forge lines.
    static func sanitized(_ text: String) -> String {
        guard text.utf8.contains(where: { $0 < 0x20 || $0 == 0x7F }) else { return text }
        return String(
            String.UnicodeScalarView(text.unicodeScalars.map { $0.value < 0x20 || $0.value == 0x7F ? "?" : $0 }))
    }

    @Sendable
    package static func writeToStandardError(_ line: String) {
        var bytes = Array(line.utf8)
        bytes.append(UInt8(ascii: "\n"))
        _ = bytes.withUnsafeBytes { Glibc.write(STDERR_FILENO, $0.baseAddress, $0.count) }
    }

    private static func timestamp() -> String {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        var fields = tm()
        gmtime_r(&time.tv_sec, &fields)
        func two(_ value: Int32) -> String { value < 10 ? "0\(value)" : "\(value)" }
        let milliseconds = time.tv_nsec / 1_000_000
        let fraction =
            milliseconds < 10 ? "00\(milliseconds)" : milliseconds < 100 ? "0\(milliseconds)" : "\(milliseconds)"
        return "\(fields.tm_year + 1900)-\(two(fields.tm_mon + 1))-\(two(fields.tm_mday))T"
            + "\(two(fields.tm_hour)):\(two(fields.tm_min)):\(two(fields.tm_sec)).\(fraction)Z"
    }
}
