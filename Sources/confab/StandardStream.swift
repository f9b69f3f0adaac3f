import Glibc

/// Standard output and error, unbuffered: what is said is seen at once, also through a pipe.
enum StandardStream: Int32 {
    case output = 1
    case error = 2

    /// - Returns: whether all of it was written.
    @discardableResult
    func write(_ text: String) -> Bool {
        var bytes = Array(text.utf8)[...]
        while !bytes.isEmpty {
            let count = bytes.withUnsafeBytes { Glibc.write(rawValue, $0.baseAddress, $0.count) }
            if count < 0 && errno == EINTR { continue }
            guard count > 0 else { return false }
            bytes = bytes.dropFirst(count)
        }
        return true
    }
}
