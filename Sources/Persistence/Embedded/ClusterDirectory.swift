import CLinux
import Glibc

/// Where a cluster lives: a directory of the server's user, mode 0700, with the cluster in `cluster`, the socket, and what the
/// server says before its own log is open in `start.log`.
struct ClusterDirectory: Sendable {
    /// `sun_path` of unix(7) less its final zero.
    static let socketPathBytesMax = 107
    private static let socketName = "/.s.PGSQL.5432"
    /// For the clusters of a root whose own directory the server's user cannot reach, as /root.
    private static let sharedParent = "/var/lib/confab"

    /// Without symbolic links.
    let path: String
    let owner: SystemUser

    var data: String { "\(path)/cluster" }
    var startLog: String { "\(path)/start.log" }

    /// Makes the directory if need be.
    static func prepare(
        _ path: String, owner: SystemUser, log: (String) -> Void
    ) throws(EmbeddedPostgresError) -> ClusterDirectory {
        if Files.realPath(path) == nil {
            let parent = Files.realPath(parent(of: path)) ?? parent(of: path)
            if isReachable(parent, by: owner) {
                try Files.makeDirectory(path, mode: 0o700)
            } else {
                let elsewhere = try makeShared()
                guard symlink(elsewhere, path) == 0 else { throw .failed("cannot link \(path): \(Files.lastError)") }
                log("user \(owner.name) cannot reach \(parent): the database is in \(elsewhere)")
            }
        }
        guard let real = Files.realPath(path) else { throw .failed("\(path) leads nowhere") }
        guard isReachable(parent(of: real), by: owner) else {
            throw .failed("user \(owner.name), who runs PostgreSQL, cannot reach \(real)")
        }
        try own(real, owner)
        return ClusterDirectory(path: real, owner: owner)
    }

    /// The major version that made the cluster; nil: there is none yet.
    var clusterMajor: Int? { Files.read("\(data)/PG_VERSION").flatMap(Installation.major(fromVersion:)) }

    /// For the server's next start: in the directory, or if that is too deep for a socket, in a new one.
    func socketDirectory() throws(EmbeddedPostgresError) -> String {
        if path.utf8.count + Self.socketName.utf8.count <= Self.socketPathBytesMax { return path }
        let parent = geteuid() == 0 ? "/run" : "/tmp"
        let made = try Self.makeRandom("\(parent)/confab-")
        try Self.own(made, owner)
        return made
    }

    /// After the server's end: an own directory of the socket goes.
    func removeSocketDirectory(_ directory: String) {
        if directory != path { rmdir(directory) }
    }

    /// What `postmaster.pid` tells of a server, if one is alive that really is this cluster's: the file may be old, and its process id
    /// somebody else's.
    func runningServer() -> (process: ProcessHandle, socketDirectory: String)? {
        guard
            let lines = Files.read("\(data)/postmaster.pid")?.split(separator: "\n", omittingEmptySubsequences: false),
            lines.count >= 5, let id = pid_t(lines[0]), id > 1, let process = ProcessHandle(id: id),
            Files.read("/proc/\(id)/comm")?.hasPrefix("postgres") == true,
            Files.realPath("/proc/\(id)/cwd") == data
        else { return nil }
        return (process, String(lines[4]))
    }

    /// Only the hub's user and the server's may connect, both as `confab`.
    func writeAuthentication(hub: SystemUser) throws(EmbeddedPostgresError) {
        try Files.overwrite("\(data)/pg_hba.conf", "local all confab peer map=confab\n")
        let names = hub == owner ? [hub.name] : [hub.name, owner.name]
        let lines = names.map { "confab \"\($0)\" confab\n" }
        try Files.overwrite("\(data)/pg_ident.conf", lines.joined())
    }

    /// Whether `user` may pass through `path` and all above it (path_resolution(7)). Supplementary groups are left out: then it says no
    /// where a yes was possible.
    static func isReachable(_ path: String, by user: SystemUser) -> Bool {
        var current = path
        while true {
            guard let status = Files.status(current) else { return false }
            let bits: mode_t =
                status.st_uid == user.userID ? S_IXUSR : status.st_gid == user.groupID ? S_IXGRP : S_IXOTH
            guard user.userID == 0 || status.st_mode & bits != 0 else { return false }
            if current == "/" { return true }
            current = parent(of: current)
        }
    }

    static func parent(of path: String) -> String {
        guard let slash = path.lastIndex(of: "/") else { return "." }
        return slash == path.startIndex ? "/" : String(path[..<slash])
    }

    private static func makeShared() throws(EmbeddedPostgresError) -> String {
        try Files.makeDirectory("/var/lib", mode: 0o755)
        try Files.makeDirectory(sharedParent, mode: 0o755)
        return try makeRandom("\(sharedParent)/postgres-")
    }

    /// mkdtemp(3): new, ours, mode 0700.
    private static func makeRandom(_ prefix: String) throws(EmbeddedPostgresError) -> String {
        let template = strdup(prefix + "XXXXXX")!
        defer { free(template) }
        guard mkdtemp(template) != nil else { throw .failed("cannot make \(prefix)…: \(Files.lastError)") }
        return String(cString: template)
    }

    private static func own(_ path: String, _ owner: SystemUser) throws(EmbeddedPostgresError) {
        guard let status = Files.status(path) else { throw .failed("\(path) is gone") }
        if status.st_uid != owner.userID {
            guard chown(path, owner.userID, owner.groupID) == 0 else {
                throw .failed("cannot give \(path) to \(owner.name): \(Files.lastError)")
            }
        }
        if status.st_mode & 0o777 != 0o700 { chmod(path, 0o700) }
    }
}
