import CLinux
import Glibc

/// Starts the server of one cluster, or takes over one that runs.
struct PostgresServer: Sendable {
    let installation: Installation
    let place: ClusterDirectory
    let hub: SystemUser
    let settings: [(String, String)]
    let log: @Sendable (String) -> Void

    struct Running {
        let process: ProcessHandle
        let socketDirectory: String
    }

    /// A server that an earlier hub left, if it answers. One that does not is stopped.
    func adopt() throws(EmbeddedPostgresError) -> Running? {
        guard let (process, socketDirectory) = place.runningServer() else { return nil }
        log("taking over the server that runs as process \(process.id)")
        try place.writeAuthentication(hub: hub)
        process.signal(SIGHUP)
        do throws(EmbeddedPostgresError) {
            try waitUntilReady(process, socketDirectory, until: { false })
            return Running(process: process, socketDirectory: socketDirectory)
        } catch {
            log("it does not answer, so it is stopped: \(error)")
            process.signal(SIGQUIT)
            guard process.hasEnded(withinMilliseconds: EmbeddedPostgres.stopMillisecondsMax) else {
                throw .failed("process \(process.id) neither answers nor ends")
            }
            return nil
        }
    }

    /// Makes the cluster if need be, starts the server, returns when it answers.
    /// - Parameter until: asked while waiting; true ends it.
    func start(
        socketDirectory: String, until: () -> Bool
    ) throws(EmbeddedPostgresError) -> Running {
        if place.clusterMajor == nil { try makeCluster() }
        try place.writeAuthentication(hub: hub)
        let end = monotonicMilliseconds() + EmbeddedPostgres.startMillisecondsMax
        while true {
            do throws(EmbeddedPostgresError) {
                return try startOnce(socketDirectory, until: until)
            } catch {
                // After a kill of the last server its backends may still hold its shared memory.
                guard !until(), monotonicMilliseconds() < end, place.runningServer() == nil, isStillHeld() else {
                    throw error
                }
                usleep(100_000)
            }
        }
    }

    private func startOnce(_ socketDirectory: String, until: () -> Bool) throws(EmbeddedPostgresError) -> Running {
        var arguments = ["\(installation.binaries)/postgres", "-D", place.data]
        for (name, value) in serverSettings(socketDirectory) + settings { arguments += ["-c", "\(name)=\(value)"] }
        let id = try ChildProcess.start(arguments, as: place.owner, logPath: place.startLog)
        guard let process = ProcessHandle(id: id) else {
            // A kernel or a sandbox without pidfd_open(2): unwatched it must not stay.
            let reason = Files.lastError
            kill(id, SIGQUIT)
            waitpid(id, nil, 0)
            throw .failed("cannot watch the server: \(reason)")
        }
        do throws(EmbeddedPostgresError) {
            try waitUntilReady(process, socketDirectory, until: until)
        } catch {
            process.signal(SIGQUIT)
            _ = process.hasEnded(withinMilliseconds: EmbeddedPostgres.stopMillisecondsMax)
            throw error
        }
        return Running(process: process, socketDirectory: socketDirectory)
    }

    /// initdb into a directory beside, renamed when it is complete: a half-made cluster is never taken for one.
    private func makeCluster() throws(EmbeddedPostgresError) {
        log("making a database cluster in \(place.path) with PostgreSQL \(installation.major)")
        let fresh = "\(place.path)/cluster.new"
        _ = try ChildProcess.run(["/bin/rm", "-rf", fresh], as: place.owner)
        let answer = try ChildProcess.run(
            [
                "\(installation.binaries)/initdb", "-D", fresh, "-U", "confab", "-k", "-E", "UTF8",
                "--locale=C.UTF-8", "--auth-local=peer", "--auth-host=reject",
            ], as: place.owner)
        guard answer.code == 0 else { throw .failed("initdb failed: \(answer.output)") }
        guard rename(fresh, place.data) == 0 else {
            throw .failed("cannot rename \(fresh): \(Files.lastError)")
        }
    }

    private func waitUntilReady(
        _ process: ProcessHandle, _ socketDirectory: String, until: () -> Bool
    ) throws(EmbeddedPostgresError) {
        let end = monotonicMilliseconds() + EmbeddedPostgres.readyMillisecondsMax
        while true {
            do throws(DatabaseError) {
                let server = try ServerConnection.connect(
                    url: Self.url(socketDirectory, database: "postgres"), settings: "")
                let exists = try server.run(
                    "SELECT 1 FROM pg_database WHERE datname = 'confab'", limitMilliseconds: 10_000)
                if exists?.commandTag == "SELECT 0" {
                    _ = try server.run("CREATE DATABASE confab", limitMilliseconds: 60_000)
                }
                return
            } catch {
                if process.hasEnded(withinMilliseconds: 20) {
                    throw .failed("the server does not start: \(lastWords())")
                }
                guard !until() else { throw .failed("stopped") }
                guard monotonicMilliseconds() < end else { throw .failed("the server does not answer: \(error)") }
            }
        }
    }

    private func lastWords() -> String { String((Files.read(place.startLog) ?? "").suffix(2_000)) }

    private func isStillHeld() -> Bool {
        let words = lastWords()
        return words.contains("shared memory") || words.contains("lock file")
    }

    /// libpq's connection string.
    static func url(_ socketDirectory: String, database: String = "confab") -> String {
        let quoted = socketDirectory.map { $0 == "'" || $0 == "\\" ? "\\\($0)" : String($0) }.joined()
        return "host='\(quoted)' port=5432 user=confab dbname=\(database)"
    }

    /// storage.md has the measurements behind the WAL settings.
    private func serverSettings(_ socketDirectory: String) -> [(String, String)] {
        [
            ("listen_addresses", ""), ("unix_socket_directories", socketDirectory), ("unix_socket_permissions", "0700"),
            ("port", "5432"), ("cluster_name", "confab"), ("max_connections", "100"), ("shared_buffers", "128MB"),
            ("wal_compression", installation.major >= 15 ? "lz4" : "on"), ("max_wal_size", "4GB"),
            ("checkpoint_timeout", "15min"), ("jit", "off"), ("lc_messages", "C"), ("timezone", "UTC"),
            ("log_timezone", "UTC"), ("logging_collector", "on"), ("log_directory", "log"),
            // One file for each day of the week, so a week of them.
            ("log_filename", "postgresql-%a.log"), ("log_truncate_on_rotation", "on"), ("log_rotation_age", "1d"),
            ("log_rotation_size", "0"),
        ]
    }
}
