import CLinux
import Glibc

/// The few file operations that the embedded cluster needs, by system calls. Everything opened is close-on-exec.
enum Files {
    /// Nil if it cannot be read. For small files.
    static func read(_ path: String) -> String? {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        return String(decoding: readAll(descriptor), as: UTF8.self)
    }

    /// Until the end of the file or pipe.
    static func readAll(_ descriptor: Int32) -> [UInt8] {
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 4_096)
        while true {
            let count = Glibc.read(descriptor, &chunk, chunk.count)
            if count > 0 {
                bytes.append(contentsOf: chunk[..<count])
            } else if count == 0 || errno != EINTR {
                return bytes
            }
        }
    }

    /// Replaces the content of a file that exists and is no symbolic link: in a directory of another user, a root that followed links
    /// could be led anywhere.
    static func overwrite(_ path: String, _ content: String) throws(EmbeddedPostgresError) {
        let descriptor = open(path, O_WRONLY | O_TRUNC | O_NOFOLLOW | O_CLOEXEC)
        guard descriptor >= 0 else { throw .failed("cannot write \(path): \(lastError)") }
        defer { close(descriptor) }
        let bytes = Array(content.utf8)
        guard write(descriptor, bytes, bytes.count) == bytes.count else {
            throw .failed("cannot write \(path): \(lastError)")
        }
    }

    static func makeDirectory(_ path: String, mode: mode_t) throws(EmbeddedPostgresError) {
        guard mkdir(path, mode) == 0 || errno == EEXIST else { throw .failed("cannot make \(path): \(lastError)") }
    }

    /// Without symbolic links; nil if it does not exist.
    static func realPath(_ path: String) -> String? {
        guard let resolved = realpath(path, nil) else { return nil }
        defer { free(resolved) }
        return String(cString: resolved)
    }

    static func status(_ path: String) -> stat? {
        var status = stat()
        return stat(path, &status) == 0 ? status : nil
    }

    static func isExecutable(_ path: String) -> Bool { access(path, X_OK) == 0 }

    static func list(_ path: String) -> [String] {
        guard let directory = opendir(path) else { return [] }
        defer { closedir(directory) }
        var names: [String] = []
        while let entry = readdir(directory) {
            names.append(
                withUnsafePointer(to: &entry.pointee.d_name) {
                    $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
                })
        }
        return names.filter { $0 != "." && $0 != ".." }
    }

    static var lastError: String { String(cString: strerror(errno)) }
}
