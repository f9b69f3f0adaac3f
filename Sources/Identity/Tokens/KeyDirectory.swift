import Glibc

/// Why signing keys can't be loaded or kept: the file and what the system said.
package enum KeyDirectoryError: Error, Sendable, Equatable, CustomStringConvertible {
    case failed(path: String, call: String, errno: Int32)
    case notAKey(path: String)
    case noKeys(path: String)
    case notASecretKey(path: String)

    package var description: String {
        switch self {
        case .failed(let path, let call, let errno): "\(path): \(call): \(String(cString: strerror(errno)))"
        case .notAKey(let path): "\(path): holds no Ed25519 private key in PEM"
        case .noKeys(let path): "\(path): no keys are here; a hub makes them when it first starts"
        case .notASecretKey(let path): "\(path): holds no key of \(SecretBox.keyBytes) bytes"
        }
    }
}

/// The files of the signing keys, one PEM each, named by when they were made: `00000001795338000123-KID.pem`.
struct KeyDirectory {
    private static let fileBytesMax = 16 * 1024

    let path: String

    /// Makes the directory, and the one above it, if they are missing.
    init(path: String) throws(KeyDirectoryError) {
        self.path = path
        if let slash = path.lastIndex(of: "/"), slash > path.startIndex {
            try Self.makeDirectory(String(path[..<slash]))
        }
        try Self.makeDirectory(path)
    }

    /// One that is there; nothing is made.
    init(existing path: String) throws(KeyDirectoryError) {
        self.path = path
        guard access(path, F_OK) == 0 else {
            throw errno == ENOENT ? .noKeys(path: path) : Self.failure(path, "access")
        }
    }

    private static func makeDirectory(_ path: String) throws(KeyDirectoryError) {
        guard mkdir(path, 0o700) == 0 || errno == EEXIST else { throw failure(path, "mkdir") }
    }

    /// All keys, oldest first.
    func load() throws(KeyDirectoryError) -> [Ed25519Key] {
        var keys: [Ed25519Key] = []
        for name in try names() {
            let file = "\(path)/\(name)"
            guard let key = Ed25519Key(pem: try read(file)) else { throw .notAKey(path: file) }
            keys.append(key)
        }
        return keys
    }

    /// Adds the newest key: written aside, on disk, then renamed, so that no crash leaves half a key.
    func add(_ key: Ed25519Key) throws(KeyDirectoryError) {
        var now = timespec()
        clock_gettime(CLOCK_REALTIME, &now)
        var milliseconds = Int64(now.tv_sec) * 1000 + Int64(now.tv_nsec) / 1_000_000
        // A clock that was set back must not make the new key an old one.
        if let newest = try names().last, let made = Int64(newest.prefix(20)), made >= milliseconds {
            milliseconds = made + 1
        }
        let digits = String(milliseconds)
        let stem = "\(path)/\(String(repeating: "0", count: 20 - digits.utf8.count))\(digits)-\(key.keyID)"
        try write(key.pem, to: "\(stem).new")
        guard rename("\(stem).new", "\(stem).pem") == 0 else { throw Self.failure(stem, "rename") }
        try synchronize()
    }

    /// Makes the names of new files last.
    func synchronize() throws(KeyDirectoryError) {
        let directory = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard directory >= 0 else { throw Self.failure(path, "open") }
        defer { close(directory) }
        guard fsync(directory) == 0 else { throw Self.failure(path, "fsync") }
    }

    /// In ascending order, which is that of making.
    private func names() throws(KeyDirectoryError) -> [String] {
        guard let directory = opendir(path) else { throw Self.failure(path, "opendir") }
        defer { closedir(directory) }
        var names: [String] = []
        while let entry = readdir(directory) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if name.hasSuffix(".pem") { names.append(name) }
        }
        return names.sorted()
    }

    func read(_ file: String) throws(KeyDirectoryError) -> [UInt8] {
        // A restored backup may have lost the mode.
        guard chmod(file, 0o600) == 0 else { throw Self.failure(file, "chmod") }
        do throws(SmallFile.Failure) {
            if let bytes = try SmallFile.read(file, bytesMax: Self.fileBytesMax) { return bytes }
        } catch {
            throw .failed(path: file, call: error.call, errno: error.errno)
        }
        throw .notAKey(path: file)
    }

    func write(_ bytes: [UInt8], to file: String) throws(KeyDirectoryError) {
        let descriptor = open(file, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw Self.failure(file, "open") }
        defer { close(descriptor) }
        var count = 0
        while count < bytes.count {
            let put = bytes.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress! + count, $0.count - count) }
            if put < 0, errno == EINTR { continue }
            guard put > 0 else { throw Self.failure(file, "write") }
            count += put
        }
        guard fsync(descriptor) == 0 else { throw Self.failure(file, "fsync") }
    }

    static func failure(_ path: String, _ call: String) -> KeyDirectoryError {
        .failed(path: path, call: call, errno: errno)
    }
}
