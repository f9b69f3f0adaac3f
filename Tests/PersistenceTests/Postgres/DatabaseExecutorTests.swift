import Glibc
import Testing

@testable import Persistence

@Suite struct DatabaseExecutorTests {
    /// Tasks stay on the thread of the answers, however often they ask.
    @Test func tasksRunWhereAnswersComeIn() async throws {
        try await TestDatabase.with(migrated: false) { (test) async throws in
            let database = test.database
            let threads = try await withThrowingTaskGroup(of: Set<UInt>.self) { group in
                for number in 0..<20 {
                    group.addTask(executorPreference: database.executor) {
                        var threads: Set<UInt> = [Self.thread()]
                        for _ in 0..<5 {
                            let rows = try await database.query("SELECT $1", [.int(Int64(number))])
                            #expect(rows.int(0, 0) == Int64(number))
                            threads.insert(Self.thread())
                        }
                        return threads
                    }
                }
                return try await group.reduce(into: Set()) { $0.formUnion($1) }
            }
            #expect(threads.count == 1)
        }
    }

    /// What others do does not stop because a task goes on and on.
    @Test func answersComeBetweenJobs() async throws {
        try await TestDatabase.with(migrated: false) { (test) async throws in
            let database = test.database
            let busy = Task(executorPreference: database.executor) {
                while !Task.isCancelled { await Task.yield() }
            }
            let rows = try await database.query("SELECT $1", [.int(5)])
            #expect(rows.int(0, 0) == 5)
            busy.cancel()
            await busy.value
        }
    }

    @Test func nobodyWaitsForEverAfterTheEnd() async throws {
        try await TestDatabase.with(migrated: false) { (test) async throws in
            let database = test.database
            database.close()
            let value = await Task(executorPreference: database.executor) { () -> Int in
                await Task.yield()
                return 7
            }.value
            #expect(value == 7)
        }
    }

    private static func thread() -> UInt { UInt(pthread_self()) }
}
