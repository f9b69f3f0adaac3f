import Glibc

/// Files that are read whole.
package enum SmallFile {
    package struct Failure: Error {
        /// What the system was asked for.
        package let call: String
        package let errno: Int32
    }

    /// - Returns: its bytes; nil if it has more than `bytesMax`.
    package static func read(_ path: String, bytesMax: Int) throws(Failure) -> [UInt8]? {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw Failure(call: "open", errno: errno) }
        defer { close(descriptor) }
        // One byte more tells whether the file goes on.
        var bytes = [UInt8](repeating: 0, count: bytesMax + 1)
        var count = 0
        while count < bytes.count {
            let got = bytes.withUnsafeMutableBytes { Glibc.read(descriptor, $0.baseAddress! + count, $0.count - count) }
            if got < 0, errno == EINTR { continue }
            guard got >= 0 else { throw Failure(call: "read", errno: errno) }
            if got == 0 { return Array(bytes[..<count]) }
            count += got
        }
        return nil
    }
}
