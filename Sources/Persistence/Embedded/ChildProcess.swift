import CLinux
import Glibc

/// Who a child process runs as.
struct SystemUser: Sendable, Equatable {
    let name: String
    let userID: uid_t
    let groupID: gid_t

    static func named(_ name: String) -> SystemUser? { from(getpwnam(name)) }

    static var current: SystemUser? { from(getpwuid(geteuid())) }

    private static func from(_ entry: UnsafeMutablePointer<passwd>?) -> SystemUser? {
        guard let entry else { return nil }
        return SystemUser(
            name: String(cString: entry.pointee.pw_name), userID: entry.pointee.pw_uid, groupID: entry.pointee.pw_gid)
    }
}

/// A process, by a descriptor that cannot come to mean another one: ours, or one that an earlier hub left.
final class ProcessHandle: Sendable {
    let id: pid_t
    let descriptor: Int32

    /// Nil if there is no such process.
    init?(id: pid_t) {
        self.id = id
        descriptor = confab_open_pidfd(id)
        guard descriptor >= 0 else { return nil }
    }

    deinit { if descriptor >= 0 { close(descriptor) } }

    /// Whether it has ended; waits so long at most (nil: for ever). Reaps it if it is our child.
    func hasEnded(withinMilliseconds milliseconds: Int64?) -> Bool {
        guard poll(descriptor, events: POLLIN, milliseconds: milliseconds) != 0 else { return false }
        var status: Int32 = 0
        waitpid(id, &status, WNOHANG)
        return true
    }

    func signal(_ number: Int32) { kill(id, number) }
}

/// Starts programs without fork, so safely in a process with threads. A child gets none of our descriptors but the three standard
/// ones, no blocked signals, its own process group (Ctrl-C is ours to handle) and `/` as its directory.
package enum ChildProcess {
    static let outputBytesMax = 65_536
    /// A pipe of Linux holds twice that (pipe(7)).
    package static let inputBytesMax = 32_768

    /// Runs a program to its end; returns its exit code (-1: ended by a signal) and what it wrote to both outputs.
    static func run(_ arguments: [String], as user: SystemUser?) throws(EmbeddedPostgresError) -> (
        code: Int32, output: String
    ) {
        var ends: [Int32] = [-1, -1]
        guard pipe(&ends) == 0 else { throw .failed("no pipe: \(Files.lastError)") }
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        defer { close(ends[0]) }
        let spawned = Result { () throws(EmbeddedPostgresError) in
            try spawn(arguments, as: user) { actions in
                posix_spawn_file_actions_adddup2(&actions, ends[1], 1)
                posix_spawn_file_actions_adddup2(&actions, ends[1], 2)
            }
        }
        close(ends[1])
        let id = try spawned.get()
        let output = Files.readAll(ends[0]).suffix(outputBytesMax)
        var status: Int32 = 0
        while waitpid(id, &status, 0) < 0 && errno == EINTR {}
        let code = status & 0x7F == 0 ? (status >> 8) & 0xFF : -1
        return (code, String(decoding: output, as: UTF8.self))
    }

    /// Starts a program that writes to `logPath`, anew.
    static func start(_ arguments: [String], as user: SystemUser?, logPath: String) throws(EmbeddedPostgresError)
        -> pid_t
    {
        try spawn(arguments, as: user) { actions in
            posix_spawn_file_actions_addopen(
                // Not close-on-exec, or descriptor 1 would be free: the server's pipe by which its children learn of its death took that
                // place, and the redirection of the children's output closed it.
                &actions, 1, logPath, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, 0o640)
            posix_spawn_file_actions_adddup2(&actions, 1, 2)
        }
    }

    /// Runs a program to its end with `input` on its standard input; what it says goes to our standard error. Waits.
    /// - Returns: its exit code; -1: a signal ended it; nil: it took too long, so it was ended with all that it had started.
    package static func feed(
        _ input: [UInt8], to arguments: [String], limitMilliseconds: Int64
    ) throws(EmbeddedPostgresError) -> Int32? {
        precondition(input.count <= inputBytesMax, "the pipe takes it without a reader")
        var ends: [Int32] = [-1, -1]
        guard pipe(&ends) == 0 else { throw .failed("no pipe: \(Files.lastError)") }
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        defer { close(ends[0]) }
        let written = write(ends[1], input, input.count)
        close(ends[1])
        guard written == input.count else { throw .failed("cannot write into a pipe: \(Files.lastError)") }
        let id = try spawn(arguments, as: nil) { actions in
            posix_spawn_file_actions_adddup2(&actions, ends[0], 0)
            posix_spawn_file_actions_adddup2(&actions, 2, 1)
        }
        // A kernel without pidfd_open(2) gives no way to wait with a limit.
        let hasEnded = ProcessHandle(id: id).map {
            poll($0.descriptor, events: POLLIN, milliseconds: limitMilliseconds) != 0
        }
        if hasEnded == false { kill(-id, SIGKILL) }
        var status: Int32 = 0
        while waitpid(id, &status, 0) < 0 && errno == EINTR {}
        if hasEnded == false { return nil }
        return status & 0x7F == 0 ? (status >> 8) & 0xFF : -1
    }

    private static func spawn(
        _ arguments: [String], as user: SystemUser?,
        outputs: (inout posix_spawn_file_actions_t) -> Void
    ) throws(EmbeddedPostgresError) -> pid_t {
        var arguments = arguments
        if let user, user.userID != geteuid() {
            guard let setpriv = ["/usr/bin/setpriv", "/bin/setpriv"].first(where: Files.isExecutable) else {
                throw .noUser("the program setpriv (package util-linux) is missing")
            }
            arguments =
                [setpriv, "--reuid=\(user.userID)", "--regid=\(user.groupID)", "--init-groups", "--"] + arguments
        }
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        outputs(&actions)
        confab_spawn_close_from(&actions, 3)
        confab_spawn_change_directory(&actions, "/")
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        var signals = sigset_t()
        sigemptyset(&signals)
        posix_spawnattr_setsigmask(&attributes, &signals)
        sigfillset(&signals)
        posix_spawnattr_setsigdefault(&attributes, &signals)
        posix_spawnattr_setpgroup(&attributes, 0)
        posix_spawnattr_setflags(
            &attributes, Int16(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP))

        let variables = ["PATH=/usr/bin:/bin", "LC_ALL=C.UTF-8", "TZ=UTC"]
        let environment: [UnsafeMutablePointer<CChar>?] = variables.map { strdup($0) } + [nil]
        let vector: [UnsafeMutablePointer<CChar>?] = arguments.map { strdup($0) } + [nil]
        defer { for pointer in environment + vector { free(pointer) } }
        var id: pid_t = 0
        let failure = posix_spawn(&id, arguments[0], &actions, &attributes, vector, environment)
        guard failure == 0 else { throw .failed("cannot start \(arguments[0]): \(String(cString: strerror(failure)))") }
        return id
    }
}
