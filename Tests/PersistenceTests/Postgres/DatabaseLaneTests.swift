import Glibc
import Synchronization
import Testing

@testable import Persistence

/// A lane as the guest of an event loop.
@Suite struct DatabaseLaneTests {
    /// A loop that does nothing but what its guest needs.
    private final class Loop: Sendable {
        let lane: DatabaseLane
        private let isEnding = Atomic<Bool>(false)

        init(_ lane: DatabaseLane) {
            self.lane = lane
            startThread("loop") { self.run() }
        }

        func end() { isEnding.store(true, ordering: .relaxed) }

        private func run() {
            lane.moveIn()
            while !isEnding.load(ordering: .relaxed) {
                let ready = poll(lane.descriptor, events: POLLIN, milliseconds: lane.hasWork ? 0 : 20)
                lane.turn(isReadable: ready != 0)
                lane.tick()
            }
            lane.moveOut()
        }
    }

    private static func with(_ body: (Database, DatabaseLane) async throws -> Void) async throws {
        try await TestDatabase.with(migrated: false) { test in
            var limits = Database.Limits()
            (limits.guestLanes, limits.guestConnections) = (1, 2)
            let database = Database(url: test.url, limits: limits)
            try await database.start()
            defer { database.close() }
            try await body(database, try #require(database.guestLanes.first))
        }
    }

    private static func thread() -> UInt { UInt(pthread_self()) }

    /// More tasks than connections, and all of it on one thread, which is not the database's own.
    @Test func tasksAndTheirAnswersStayOnTheLoop() async throws {
        try await Self.with { database, lane in
            let loop = Loop(lane)
            defer { loop.end() }
            let threads = try await withThrowingTaskGroup(of: Set<UInt>.self) { group in
                for number in 0..<20 {
                    group.addTask(executorPreference: lane.executor) {
                        var threads: Set<UInt> = [Self.thread()]
                        for _ in 0..<5 {
                            let rows = try await database.query("SELECT $1, pg_backend_pid()", [.int(Int64(number))])
                            #expect(rows.int(0, 0) == Int64(number))
                            threads.insert(Self.thread())
                        }
                        return threads
                    }
                }
                return try await group.reduce(into: Set()) { $0.formUnion($1) }
            }
            let own = await Task(executorPreference: database.executor) { Self.thread() }.value
            #expect(threads.count == 1 && !threads.contains(own))
        }
    }

    /// A loop with a full queue looks at other things in between.
    @Test func aTurnIsShort() async throws {
        try await Self.with { _, lane in
            let loop = Loop(lane)
            defer { loop.end() }
            let busy = Task(executorPreference: lane.executor) { while !Task.isCancelled { await Task.yield() } }
            #expect(await Task(executorPreference: lane.executor) { 7 }.value == 7)
            busy.cancel()
            await busy.value
        }
    }

    /// Work that is taken when the lane has ended, and told what became of it.
    private final class LateWork: LaneWork {
        private let fate: CheckedContinuation<String, Never>

        init(_ fate: CheckedContinuation<String, Never>) { self.fate = fate }

        func begin() -> Int32? {
            fate.resume(returning: "begun")
            return nil
        }
        func resume() -> Int32? { nil }
        func leave() { fate.resume(returning: "left") }
        func decline() { fate.resume(returning: "declined") }
    }

    @Test func whatIsNotBegunIsDeclined() async throws {
        try await Self.with { database, lane in
            let fate = await withCheckedContinuation { continuation in
                startThread("loop") {
                    lane.moveIn()
                    lane.take(LateWork(continuation))
                    database.close()
                    lane.moveOut()
                }
            }
            #expect(fate == "declined")
        }
    }

    /// What waits when the loop ends is answered all the same.
    @Test func nobodyWaitsForEverAfterTheLoop() async throws {
        try await Self.with { database, lane in
            let loop = Loop(lane)
            let slow = Task(executorPreference: lane.executor) {
                try await database.query("SELECT pg_sleep(0.3)").count
            }
            try await Task.sleep(for: .milliseconds(100))
            loop.end()
            #expect(try await slow.value == 1)
            let later = Task(executorPreference: lane.executor) { try await database.query("SELECT 1").count }
            #expect(try await later.value == 1)
        }
    }
}
