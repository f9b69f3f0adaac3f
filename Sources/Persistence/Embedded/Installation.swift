import Glibc

/// An installed PostgreSQL.
struct Installation: Sendable, Equatable {
    static let majorMin = 13

    let major: Int
    /// Holds `postgres` and `initdb`.
    let binaries: String

    /// All that are found, the newest first: Debian's places, `pg_config`'s, the search path's.
    static func all() -> [Installation] {
        var directories = Files.list("/usr/lib/postgresql").map { "/usr/lib/postgresql/\($0)/bin" }
        let path = getenv("PATH").map { String(cString: $0) } ?? "/usr/local/bin:/usr/bin:/bin"
        let searched = path.split(separator: ":").map(String.init)
        if let config = searched.map({ "\($0)/pg_config" }).first(where: Files.isExecutable),
            let answer = try? ChildProcess.run([config, "--bindir"], as: nil), answer.code == 0
        {
            directories.append(String(answer.output.prefix { !$0.isNewline }))
        }
        var found: [Installation] = []
        for directory in directories + searched {
            guard let real = Files.realPath(directory), !found.contains(where: { $0.binaries == real }),
                Files.isExecutable("\(real)/initdb"), let major = major(of: "\(real)/postgres"), major >= majorMin
            else { continue }
            found.append(Installation(major: major, binaries: real))
        }
        return found.sorted { $0.major > $1.major }
    }

    /// For a new cluster the newest; for an existing one that of its version.
    static func choose(
        clusterMajor: Int?, from found: [Installation] = all()
    ) throws(EmbeddedPostgresError) -> Installation {
        guard let newest = found.first else { throw .notInstalled }
        guard let clusterMajor else { return newest }
        guard let fitting = found.first(where: { $0.major == clusterMajor }) else {
            throw .otherVersion(cluster: clusterMajor, installed: found.map(\.major))
        }
        return fitting
    }

    /// From `postgres (PostgreSQL) 15.18 (Debian …)`.
    static func major(fromVersion text: String) -> Int? {
        guard let number = text.split(separator: " ").first(where: { $0.first?.isNumber == true }) else { return nil }
        return Int(number.prefix { $0.isNumber })
    }

    private static func major(of postgres: String) -> Int? {
        guard Files.isExecutable(postgres), let answer = try? ChildProcess.run([postgres, "--version"], as: nil),
            answer.code == 0
        else { return nil }
        return major(fromVersion: answer.output)
    }
}
