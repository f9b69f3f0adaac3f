import Identity
import JSON

/// When an access token ends, as it says itself; nobody here has to trust it.
enum TokenLifetime {
    /// A new token is asked for so long before the old one ends, or at half of what is left, if that is later.
    static let marginMilliseconds: Int64 = 60_000
    /// After an attempt that brought nothing new.
    static let retryMilliseconds: Int64 = 5_000

    /// Milliseconds from now until a new token should be asked for; nil: it does not say when it ends, or it has.
    static func renewalMilliseconds(of token: String, wallMilliseconds: Int64) -> Int64? {
        let parts = token.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count == 3, let bytes = Base64URL.decode(parts[1].utf8),
            let seconds = (try? JSONValue(parsing: bytes))?["exp"]?.int64
        else { return nil }
        let (end, isTooLarge) = seconds.multipliedReportingOverflow(by: 1000)
        guard !isTooLarge, end > wallMilliseconds else { return nil }
        let rest = end - wallMilliseconds
        return max(rest - marginMilliseconds, rest / 2)
    }
}
