import CLinux
import Glibc
import Synchronization

/// The hub's own PostgreSQL: makes a cluster, runs the server as a child, starts it again when it falls, stops it with the hub. A
/// server that a killed hub left behind is taken over.
package final class EmbeddedPostgres: Sendable {
    /// Recovery after a crash reads up to `max_wal_size`; while the process lives, so long.
    static let readyMillisecondsMax: Int64 = 600_000
    /// After a kill of the server its backends need a moment to go; until then it does not start.
    static let startMillisecondsMax: Int64 = 30_000
    /// A fast stop writes a checkpoint; then the server is stopped without one.
    static let stopMillisecondsMax: Int64 = 60_000
    static let backoffMillisecondsMin: Int64 = 100
    static let backoffMillisecondsMax: Int64 = 5_000

    private struct State {
        var process: ProcessHandle?
        var url = ""
        var isStopping = false
        var lock: Int32 = -1
    }

    private let directory: String
    private let settings: [(String, String)]
    private let log: @Sendable (String) -> Void
    private let state = Mutex(State())
    private let wake = WakeSignal()
    private let ended = WakeSignal()

    /// - Parameters:
    ///   - directory: of the cluster, made if it is missing; its parent exists.
    ///   - settings: of the server, on top of our own.
    ///   - log: gets a line about each event.
    package init(
        directory: String, settings: [(String, String)] = [], log: @escaping @Sendable (String) -> Void
    ) {
        self.directory = directory
        self.settings = settings
        self.log = log
    }

    /// libpq's connection string of the hub's database; empty before `start`.
    package var url: String { state.withLock { $0.url } }

    var processID: pid_t? { state.withLock { $0.process?.id } }

    /// Returns when the server answers; from then on it is watched. Waits, so not for a task's thread.
    package func start() throws(EmbeddedPostgresError) {
        let absolute = try absolutePath()
        let lock = try lockDirectory(absolute)
        do throws(EmbeddedPostgresError) {
            let hub = try Self.hubUser()
            let owner = try Self.serverUser(hub)
            let place = try ClusterDirectory.prepare(absolute, owner: owner, log: log)
            let installation = try Installation.choose(clusterMajor: place.clusterMajor)
            let server = PostgresServer(
                installation: installation, place: place, hub: hub, settings: settings, log: log)
            let running = try bringUp(server)
            state.withLock { state in
                state.process = running.process
                state.url = PostgresServer.url(running.socketDirectory)
                state.lock = lock
                state.isStopping = false
            }
            startThread("postgres-watch") { self.watch(server, running.socketDirectory) }
        } catch {
            close(lock)
            throw error
        }
    }

    private func bringUp(_ server: PostgresServer) throws(EmbeddedPostgresError) -> PostgresServer.Running {
        if let running = try server.adopt() { return running }
        return try server.start(socketDirectory: server.place.socketDirectory(), until: { false })
    }

    /// Stops the server and returns when it has ended. Waits.
    package func stop() {
        let (process, url) = state.withLock { state in
            state.isStopping = true
            return (state.process, state.url)
        }
        guard let process else { return }
        // A server that recovers from a crash has nothing to write that the log would not tell again. Asked for a fast stop it may wait for
        // its own checkpointer for ever (PostgreSQL 15, after the fall of a backend).
        process.signal(Self.answers(url) ? SIGINT : SIGQUIT)
        wake.set()
        if !process.hasEnded(withinMilliseconds: Self.stopMillisecondsMax) {
            log("the server does not stop, so it is made to")
            process.signal(SIGQUIT)
        }
        ended.wait(milliseconds: nil)
        state.withLock { state in
            state.process = nil
            close(state.lock)
            state.lock = -1
        }
    }

    private static func answers(_ url: String) -> Bool {
        do throws(DatabaseError) {
            _ = try ServerConnection.connect(url: url, settings: "")
            return true
        } catch {
            return false
        }
    }

    /// For tests: leaves the server behind, as a killed hub does.
    func abandon() {
        state.withLock { state in
            state.isStopping = true
            close(state.lock)
            state.lock = -1
        }
    }

    private var isStopping: Bool { state.withLock { $0.isStopping } }

    /// The watching thread: waits for the server's end, starts it again unless that was wanted.
    private func watch(_ server: PostgresServer, _ socketDirectory: String) {
        defer {
            server.place.removeSocketDirectory(socketDirectory)
            ended.set()
        }
        var backoff = Self.backoffMillisecondsMin
        while true {
            guard let process = state.withLock({ $0.process }) else { return }
            let started = monotonicMilliseconds()
            _ = process.hasEnded(withinMilliseconds: nil)
            if isStopping { return }
            log("the server has ended unexpectedly, so it is started again")
            if monotonicMilliseconds() - started > 60_000 { backoff = Self.backoffMillisecondsMin }
            while !isStopping {
                do throws(EmbeddedPostgresError) {
                    let running = try server.start(socketDirectory: socketDirectory, until: { self.isStopping })
                    let mustStop = state.withLock { state in
                        state.process = running.process
                        return state.isStopping
                    }
                    // `stop` came meanwhile and signalled the old one.
                    if mustStop {
                        running.process.signal(SIGINT)
                        _ = running.process.hasEnded(withinMilliseconds: Self.stopMillisecondsMax)
                    }
                    break
                } catch {
                    log("\(error)")
                    wake.wait(milliseconds: backoff)
                    backoff = min(backoff * 2, Self.backoffMillisecondsMax)
                }
            }
            if isStopping { return }
        }
    }

    private func absolutePath() throws(EmbeddedPostgresError) -> String {
        let parent = ClusterDirectory.parent(of: directory)
        guard let real = Files.realPath(parent) else { throw .failed("\(parent) does not exist") }
        let name = directory.split(separator: "/").last.map(String.init) ?? ""
        return real == "/" ? "/\(name)" : "\(real)/\(name)"
    }

    /// Two hubs on one cluster would both think it theirs.
    private func lockDirectory(_ path: String) throws(EmbeddedPostgresError) -> Int32 {
        let descriptor = open("\(path).lock", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard descriptor >= 0 else { throw .failed("cannot open \(path).lock: \(Files.lastError)") }
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
            close(descriptor)
            throw .inUse(path)
        }
        return descriptor
    }

    private static func hubUser() throws(EmbeddedPostgresError) -> SystemUser {
        guard let user = SystemUser.current else { throw .noUser("user \(geteuid()) has no entry in /etc/passwd") }
        return user
    }

    private static func serverUser(_ hub: SystemUser) throws(EmbeddedPostgresError) -> SystemUser {
        guard hub.userID == 0 else { return hub }
        guard let user = SystemUser.named("postgres") else { throw .noUser("there is no user postgres") }
        return user
    }
}
