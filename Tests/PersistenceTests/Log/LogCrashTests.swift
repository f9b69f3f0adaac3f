import Glibc
import Synchronization
import Testing

@testable import Persistence

/// PostgreSQL falls, hangs or goes away under load: what was acknowledged is there, once, in order.
@Suite(.serialized) struct LogCrashTests {
    /// - Parameter onLane: so many of three publishers append on the thread of the database's lane.
    @Test(arguments: [0, 1, 3]) func killsOfTheServerLoseAndDoubleNothing(onLane: Int) async throws {
        try await OwnCluster.with { (cluster) async throws in
            let log = try await LogFixture(url: cluster.url)
            let each = 3_000
            let publishers = 3
            try await withThrowingTaskGroup(of: Void.self) { group in
                for publisher in 0..<publishers {
                    group.addTask(executorPreference: publisher < onLane ? log.lane : nil) {
                        for number in 0..<each {
                            let entry = log.entry(
                                Int64(number % LogFixture.topics) + 1, sender: Int64(publisher + 1),
                                reference: number.isMultiple(of: 2) ? UInt64(number) : nil)
                            let token = UInt64(publisher * each + number)
                            while !log.writer.append(entry, origin: .shard(index: 0, token: token)) {
                                await Task.yield()
                            }
                            // A few at a time, so that the kills fall between batches as well as into them.
                            if number % 50 == 49 { await log.recorder.wait(forOutcomeOf: publisher * each + number) }
                        }
                    }
                }
                group.addTask {
                    for share in 1...3 {
                        await log.recorder.wait(forOutcomes: share * each * publishers / 5)
                        kill(try #require(cluster.processID), SIGKILL)
                    }
                }
                try await group.waitForAll()
            }
            await log.recorder.wait(forOutcomes: each * publishers)
            await log.writer.close()
            try await check(log, count: each * publishers)
            log.test.database.close()
        }
    }

    private func check(_ log: LogFixture, count: Int) async throws {
        let outcomes = log.recorder.outcomes
        #expect(outcomes.values.filter { $0.name == "committed" }.count == count)
        let acknowledged = Set(
            outcomes.values.map { outcome in
                guard case .committed(_, let id) = outcome else { return Int64(0) }
                return id
            })
        #expect(acknowledged.count == count)
        var stored: Set<Int64> = []
        var total = 0
        for topic in 1...Int64(LogFixture.topics) {
            let entries = try await rows(log, topic)
            #expect(entries.map(\.seq) == Array(1...Int64(entries.count)))
            let seen = log.recorder.entries.filter { $0.topic.id == topic }
            #expect(seen.map(\.id) == entries.map(\.id))
            for publisher in 1...Int64(3) {
                let own = seen.filter { $0.senderID == publisher }.map(\.id)
                #expect(own == own.sorted())
            }
            stored.formUnion(entries.map(\.id))
            total += entries.count
        }
        #expect(total == count && stored == acknowledged)
    }

    /// The pool may still be on its way back.
    private func rows(
        _ log: LogFixture, _ topic: Int64
    ) async throws -> [(seq: Int64, id: Int64, ordinal: Int64, kind: Int64)] {
        while true {
            do {
                return try await log.log(topic)
            } catch DatabaseError.unavailable {
                await Task.yield()
            }
        }
    }

    /// The batch's first backend hangs and comes back to life when the batch has been sent again.
    @Test(arguments: [false, true]) func aHangingBackendDoublesNothing(onLane: Bool) async throws {
        var limits = LogWriter.Limits()
        limits.writers = 1
        limits.statementMilliseconds = 200
        let reports = Reports()
        let log = try await LogFixture(limits) { reports.add($0) }
        #expect(await log.append(log.entry(1)).seq == 1)
        let backend = try await writersBackend(log)
        kill(backend, SIGSTOP)
        let outcome = Task(executorPreference: onLane ? log.lane : nil) { await log.append(log.entry(1, "hangs")) }
        await reports.wait(for: "unknown state")
        kill(backend, SIGCONT)
        #expect(await outcome.value.seq == 2)
        await log.writer.close()
        #expect(try await log.log(1).map(\.seq) == [1, 2])
        #expect(log.recorder.entries.count == 2)
        log.test.database.close()
    }

    private func writersBackend(_ log: LogFixture) async throws -> pid_t {
        let rows = try await log.test.database.query(
            """
            SELECT pid FROM pg_stat_activity
            WHERE datname = current_database() AND query LIKE 'SELECT confab_publish%' AND pid <> pg_backend_pid()
            """)
        #expect(rows.count == 1)
        return pid_t(rows.int(0, 0))
    }

    /// It comes back to life when what was sent again is read by all and purged, so that no key tells that it was there.
    @Test func aHangingBackendBringsNothingBack() async throws {
        var limits = LogWriter.Limits()
        limits.writers = 1
        limits.statementMilliseconds = 200
        let log = try await LogFixture(limits)
        #expect(await log.append(log.entry(1)).seq == 1)
        let backend = try await writersBackend(log)
        kill(backend, SIGSTOP)
        #expect(await log.append(log.entry(1, "hangs")).seq == 2)
        _ = try await log.test.database.query("DELETE FROM messages")
        kill(backend, SIGCONT)
        while kill(backend, 0) == 0 { await Task.yield() }
        #expect(try await log.log(1).isEmpty)
        await log.writer.close()
        log.test.database.close()
    }

    @Test(arguments: [false, true]) func aLongAbsenceIsToldAndOver(onLane: Bool) async throws {
        try await OwnCluster.with { (cluster) async throws in
            var limits = LogWriter.Limits()
            limits.unavailableAfterMilliseconds = 300
            let reports = Reports()
            let log = try await LogFixture(limits, url: cluster.url) { reports.add($0) }
            #expect(await log.append(log.entry(1)).seq == 1)
            try await onThread { cluster.stop() }
            let outcome = await Task(executorPreference: onLane ? log.lane : nil) { await log.append(log.entry(1)) }
                .value
            #expect(outcome.name == "unavailable")
            // From now on it is refused at once.
            #expect(!log.writer.append(log.entry(1), origin: .shard(index: 0, token: 1)))
            try await onThread { try cluster.start() }
            await reports.wait(for: "is back")
            #expect(await log.append(log.entry(1)).seq == 2)
            await log.writer.close()
            log.test.database.close()
        }
    }
}

/// The lines that a writer reported.
final class Reports: Sendable {
    private let state = Mutex<(lines: [String], waiting: (String, CheckedContinuation<Void, Never>)?)>(([], nil))

    func add(_ line: String) {
        state.withLock { state -> CheckedContinuation<Void, Never>? in
            state.lines.append(line)
            guard let (text, continuation) = state.waiting, line.contains(text) else { return nil }
            state.waiting = nil
            return continuation
        }?.resume()
    }

    func wait(for text: String) async {
        await withCheckedContinuation { continuation in
            let isThere = state.withLock { state in
                if state.lines.contains(where: { $0.contains(text) }) { return true }
                state.waiting = (text, continuation)
                return false
            }
            if isThere { continuation.resume() }
        }
    }
}

/// A cluster for one test that mistreats it.
enum OwnCluster {
    static func with(_ body: (EmbeddedPostgres) async throws -> Void) async throws {
        let directory = try TemporaryDirectory()
        defer { directory.remove() }
        let cluster = EmbeddedPostgres(directory: "\(directory.path)/postgres", settings: [("fsync", "off")]) { _ in }
        try await onThread { try cluster.start() }
        do {
            try await body(cluster)
        } catch {
            try await onThread { cluster.stop() }
            throw error
        }
        try await onThread { cluster.stop() }
    }
}
