import Glibc
import Synchronization
import Testing

@testable import Persistence

/// The embedded server through its life: made, stopped, killed, left behind, taken over.
@Suite(.serialized) struct EmbeddedPostgresTests {
    private func number(_ url: String, _ sql: StaticString) throws -> Int64 {
        var server = try ServerConnection.connect(url: url, settings: "")
        return try server.run(sql, ParameterBuffer(), limitMilliseconds: 5_000).int(0, 0)
    }

    @Test func whatWasWrittenSurvivesAStop() async throws {
        let directory = try TemporaryDirectory()
        defer { directory.remove() }
        try await onThread {
            for round in 1...2 {
                let cluster = EmbeddedPostgres(directory: "\(directory.path)/postgres") { _ in }
                try cluster.start()
                if round == 1 {
                    let server = try ServerConnection.connect(url: cluster.url, settings: "")
                    _ = try server.run("CREATE TABLE t AS SELECT 5::bigint AS n", limitMilliseconds: 5_000)
                }
                #expect(try number(cluster.url, "SELECT n FROM t") == 5)
                let id = try #require(cluster.processID)
                #expect(Files.read("/proc/\(id)/comm")?.hasPrefix("postgres") == true)
                cluster.stop()
                #expect(kill(id, 0) == -1)
                #expect(throws: DatabaseError.self) { try number(cluster.url, "SELECT 1") }
            }
        }
    }

    @Test func theServerHoldsNoneOfOurDescriptors() async throws {
        try await OwnCluster.with { (cluster) async throws in
            let ours = open("/dev/null", O_RDONLY)
            defer { close(ours) }
            let id = try #require(cluster.processID)
            let names = Files.list("/proc/\(id)/fd").compactMap { Files.realPath("/proc/\(id)/fd/\($0)") }
            #expect(!names.isEmpty && !names.contains { $0.hasSuffix("postgres.lock") })
        }
    }

    @Test func settingsAreTuned() async throws {
        try await OwnCluster.with { (cluster) async throws in
            let database = try await TestDatabase(url: cluster.url, migrated: false).database
            defer { database.close() }
            let cases = [
                ("listen_addresses", ""), ("wal_compression", "lz4"), ("max_wal_size", "4GB"), ("jit", "off"),
                ("checkpoint_timeout", "15min"), ("data_checksums", "on"), ("server_encoding", "UTF8"),
            ]
            for (name, value) in cases {
                #expect(try await database.query("SELECT current_setting($1)", [.text(name)]).text(0, 0) == value)
            }
            let hosts = try await database.query("SELECT count(*) FROM pg_hba_file_rules WHERE type <> 'local'")
            #expect(hosts.int(0, 0) == 0)
        }
    }

    @Test func aSecondHubIsRefused() async throws {
        try await OwnCluster.with { (cluster) async throws in
            let path = try #require(cluster.url.split(separator: "'").dropFirst().first)
            let second = EmbeddedPostgres(directory: String(path)) { _ in }
            await #expect(throws: EmbeddedPostgresError.inUse(String(path))) {
                try await onThread { try second.start() }
            }
        }
    }

    /// As after kill -9 of the hub: the server runs, its hub is gone.
    @Test func anOrphanIsTakenOver() async throws {
        let directory = try TemporaryDirectory()
        defer { directory.remove() }
        try await onThread {
            let first = EmbeddedPostgres(directory: "\(directory.path)/postgres") { _ in }
            try first.start()
            let id = try #require(first.processID)
            first.abandon()
            let lines = Mutex<[String]>([])
            let second = EmbeddedPostgres(directory: "\(directory.path)/postgres") { line in
                lines.withLock { $0.append(line) }
            }
            try second.start()
            #expect(second.processID == id && second.url == first.url)
            #expect(lines.withLock { $0.contains { $0.contains("taking over") } })
            #expect(try number(second.url, "SELECT 1::bigint") == 1)
            second.stop()
            #expect(kill(id, 0) == -1)
        }
    }

    /// Its backends live on for a moment, in its shared memory.
    @Test func aKilledServerIsStartedAgain() async throws {
        try await OwnCluster.with { (cluster) async throws in
            let test = try await TestDatabase(url: cluster.url, migrated: false)
            defer { test.database.close() }
            for _ in 1...3 {
                let id = try #require(cluster.processID)
                kill(id, SIGKILL)
                while cluster.processID == id { await Task.yield() }
                #expect(try await test.database.query("SELECT 1").int(0, 0) == 1)
            }
        }
    }

    /// The lock file names a process that is no server of ours.
    @Test func aStaleLockFileDoesNotMislead() async throws {
        let directory = try TemporaryDirectory()
        defer { directory.remove() }
        try await onThread {
            let cluster = EmbeddedPostgres(directory: "\(directory.path)/postgres") { _ in }
            try cluster.start()
            kill(try #require(cluster.processID), SIGSTOP)
            let data = "\(directory.path)/postgres/cluster"
            let lines = try #require(Files.read("\(data)/postmaster.pid")).split(
                separator: "\n", omittingEmptySubsequences: false)
            let owner = try #require(SystemUser.current)
            let place = ClusterDirectory(path: "\(directory.path)/postgres", owner: owner)
            #expect(place.runningServer()?.process.id == cluster.processID)
            let forged = (["\(getpid())"] + lines.dropFirst().map(String.init)).joined(separator: "\n")
            try Files.overwrite("\(data)/postmaster.pid", forged)
            #expect(place.runningServer() == nil)
            try Files.overwrite("\(data)/postmaster.pid", lines.joined(separator: "\n"))
            kill(try #require(cluster.processID), SIGCONT)
            cluster.stop()
        }
    }

    @Test func aDeepDirectoryHasItsSocketElsewhere() async throws {
        let directory = try TemporaryDirectory()
        defer { directory.remove() }
        try await onThread {
            let deep = "\(directory.path)/" + String(repeating: "d", count: 100)
            try Files.makeDirectory(deep, mode: 0o755)
            let cluster = EmbeddedPostgres(directory: "\(deep)/postgres") { _ in }
            try cluster.start()
            #expect(!cluster.url.contains(deep))
            #expect(try number(cluster.url, "SELECT 1::bigint") == 1)
            let socket = String(try #require(cluster.url.split(separator: "'").dropFirst().first))
            #expect(try #require(Files.status(socket)).st_mode & 0o777 == 0o700)
            cluster.stop()
            #expect(Files.status(socket) == nil)
        }
    }

    /// The directory of a root that keeps others out, as /root is.
    @Test(.enabled(if: geteuid() == 0)) func anUnreachableDirectoryIsReplacedByALink() async throws {
        let directory = try TemporaryDirectory()
        defer { directory.remove() }
        chmod(directory.path, 0o700)
        try await onThread {
            let lines = Mutex<[String]>([])
            let path = "\(directory.path)/postgres"
            for _ in 1...2 {
                let cluster = EmbeddedPostgres(directory: path) { line in lines.withLock { $0.append(line) } }
                try cluster.start()
                #expect(try number(cluster.url, "SELECT 1::bigint") == 1)
                cluster.stop()
            }
            let real = try #require(Files.realPath(path))
            #expect(real.hasPrefix("/var/lib/confab/postgres-"))
            #expect(lines.withLock { $0.filter { $0.contains(real) }.count } >= 1)
            _ = try ChildProcess.run(["/bin/rm", "-rf", real], as: nil)
        }
    }

    @Test func versionsAreReadAndChosen() throws {
        #expect(Installation.major(fromVersion: "postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)\n") == 15)
        #expect(Installation.major(fromVersion: "postgres (PostgreSQL) 17beta1\n") == 17)
        #expect(Installation.major(fromVersion: "14\n") == 14)
        #expect(Installation.major(fromVersion: "no number") == nil)
        let found = [Installation(major: 17, binaries: "/a"), Installation(major: 15, binaries: "/b")]
        #expect(try Installation.choose(clusterMajor: nil, from: found).major == 17)
        #expect(try Installation.choose(clusterMajor: 15, from: found).major == 15)
        let other = #expect(throws: EmbeddedPostgresError.self) {
            try Installation.choose(clusterMajor: 14, from: found)
        }
        #expect(other?.description.contains("pg_upgrade") == true)
        #expect(throws: EmbeddedPostgresError.notInstalled) { try Installation.choose(clusterMajor: nil, from: []) }
    }
}
