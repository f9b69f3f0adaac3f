import Glibc

/// An empty directory that is gone when the test is over.
final class TemporaryDirectory {
    let path: String

    init() {
        var template = Array("/tmp/confab-identity-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else { fatalError("mkdtemp: \(errno)") }
        path = template.withUnsafeBufferPointer { String(cString: $0.baseAddress!) }
    }

    deinit {
        for file in files("keys") { unlink("\(path)/keys/\(file)") }
        rmdir("\(path)/keys")
        for file in files(".") { unlink("\(path)/\(file)") }
        rmdir(path)
    }

    /// Names of the files in that directory, in ascending order.
    func files(_ name: String) -> [String] {
        guard let directory = opendir("\(path)/\(name)") else { return [] }
        defer { closedir(directory) }
        var names: [String] = []
        while let entry = readdir(directory) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if name != "." && name != ".." { names.append(name) }
        }
        return names.sorted()
    }

    func write(_ text: String, to name: String) {
        guard let file = fopen("\(path)/\(name)", "w") else { fatalError("fopen: \(errno)") }
        fputs(text, file)
        fclose(file)
    }

    func mode(_ name: String) -> mode_t {
        var status = stat()
        return stat("\(path)/\(name)", &status) == 0 ? status.st_mode & 0o777 : 0
    }
}
