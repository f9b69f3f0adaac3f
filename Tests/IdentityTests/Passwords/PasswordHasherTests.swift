import Glibc
import Synchronization
import Testing

@testable import Identity

@Suite struct PasswordHasherTests {
    /// RFC 7914 §12.
    @Test(arguments: [
        (
            "", "", 4, 1, 1,
            "77d6576238657b203b19ca42c18a0497f16b4844e3074ae8dfdffa3fede21442fcd0069ded0948f8326a753a0fc81f17e8d3e0fb2e0d3628cf35e20c38d18906"
        ),
        (
            "password", "NaCl", 10, 8, 16,
            "fdbabe1c9d3472007856e7190d01e9fe7c6ad7cbc8237830e77376634b3731622eaf30d92e22a3886ff109279d9830dac727afb94a83ee6d8360cbdfa2cc0640"
        ),
        (
            "pleaseletmein", "SodiumChloride", 14, 8, 1,
            "7023bdcb3afd7348461c06cd81fd38ebfda8fbba904f8e3ea9b543f6545da1f2d5432955613f0fcf62d49705242a9af9e61e85dc0d651e40dfcf017b45575887"
        ),
    ])
    func vectors(_ password: String, _ salt: String, _ ln: Int, _ r: Int, _ p: Int, _ expected: String) throws {
        let parameters = Scrypt(costExponent: ln, blockSize: r, parallelism: p)
        let key = try #require(parameters.derive(Array(password.utf8), salt: Array(salt.utf8), count: 64))
        let hexadecimal = key.map { String($0 >> 4, radix: 16) + String($0 & 15, radix: 16) }
        #expect(hexadecimal.joined() == expected)
    }

    @Test func productionParametersFitIntoMemory() async throws {
        let stored = try await PasswordHasher().hash("correct horse")
        #expect(stored.hasPrefix("$scrypt$ln=16,r=8,p=2$"))
        #expect(StoredPassword(parsing: stored)?.salt.count == 16)
    }

    @Test func hashesAndVerifies() async throws {
        let hasher = PasswordHasher(costExponent: 4)
        let stored = try await hasher.hash("correct horse")
        #expect(try await hasher.hash("correct horse") != stored, "each has its own salt")
        #expect(try await hasher.verify("correct horse", against: stored) == (true, false))
        for wrong in ["correct hors", "correct horse ", "Correct horse", ""] {
            #expect(try await hasher.verify(wrong, against: stored) == (false, false))
        }
        #expect(try await hasher.verify("correct horse", against: nil) == (false, false))
    }

    @Test func outdatedParametersAskForARehash() async throws {
        let stored = try await PasswordHasher(costExponent: 4).hash("correct horse")
        let stronger = PasswordHasher(costExponent: 5)
        #expect(try await stronger.verify("correct horse", against: stored) == (true, true))
        #expect(try await stronger.verify("wrong horse", against: stored) == (false, false))
    }

    @Test(arguments: [
        "", "x", "$scrypt$ln=4,r=8,p=2$AAAAAAAAAAA$", "$scrypt$ln=4,r=8,p=2$AAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAA$",
        "$scrypt$ln=4,r=8$AAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAA",
        "$argon2$ln=4,r=8,p=2$AAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAA",
        "$scrypt$ln=40,r=8,p=2$AAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAA",
        "$scrypt$ln=-4,r=8,p=2$AAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAA",
        "$scrypt$r=8,ln=4,p=2$AAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAA",
        "$scrypt$ln=4,r=8,p=0$AAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAA",
        "$scrypt$ln=4,r=8,p=2$AAAAAAAAAAA=$AAAAAAAAAAAAAAAAAAAAAA", "$scrypt$ln=4,r=8,p=2$$AAAAAAAAAAAAAAAAAAAAAA",
    ])
    func damagedHashesMatchNothing(_ stored: String) async throws {
        #expect(StoredPassword(parsing: stored) == nil)
        #expect(try await PasswordHasher(costExponent: 4).verify("", against: stored) == (false, false))
    }

    @Test func storedFormIsReadBack() {
        let stored = "$scrypt$ln=4,r=8,p=2$AAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAA"
        #expect(StoredPassword(parsing: stored)?.text == stored)
    }

    @Test(arguments: [
        ("1234567", PasswordPolicy.Problem.tooShort), ("", .tooShort), ("\u{1F600}\u{1F600}\u{1F600}", .tooShort),
        ("12345678", .tooCommon), ("PassWord123", .tooCommon), ("Qwertyuiop", .tooCommon), ("correct horse", nil),
        ("password of mine", nil), (String(repeating: "\u{E9}", count: 256), nil),
        (String(repeating: "xy", count: 128) + "z", .tooLong), ("aaaaaaab", nil),
    ])
    func policy(_ password: String, _ expected: PasswordPolicy.Problem?) {
        #expect(PasswordPolicy.check(password) == expected)
    }
}

/// The queue with its threads, a clock that the test moves, and work that waits until the test lets it go.
@Suite struct WorkerPoolTests {
    private final class Gate: @unchecked Sendable {
        private let semaphore = UnsafeMutablePointer<sem_t>.allocate(capacity: 1)
        init() { sem_init(semaphore, 0, 0) }
        deinit { semaphore.deallocate() }
        func pass() { while sem_wait(semaphore) != 0 {} }
        func open() { sem_post(semaphore) }
    }

    private final class Clock: Sendable {
        private let milliseconds = Atomic<Int64>(0)
        var now: Int64 { milliseconds.load(ordering: .sequentiallyConsistent) }
        func advance(_ by: Int64) { milliseconds.add(by, ordering: .sequentiallyConsistent) }
    }

    /// Runs `inside` while the only thread is at work and `waiting` more jobs wait; gives what became of them.
    private func results(waiting: Int, _ inside: (WorkerPool, Clock) async -> Void) async -> [Int?] {
        let clock = Clock()
        let pool = WorkerPool(threads: 1, clock: { clock.now })
        let (started, gate) = (Gate(), Gate())
        let first = Task {
            await pool.run { () -> Int in
                started.open()
                gate.pass()
                return -1
            }
        }
        await onThread { started.pass() }
        var tasks: [Task<Int?, Never>] = []
        for number in 0..<waiting {
            let before = pool.waitingCount
            tasks.append(Task { await pool.run { number } })
            while pool.waitingCount == before { await Task.yield() }
        }
        await inside(pool, clock)
        gate.open()
        var results = [await first.value]
        for task in tasks { results.append(await task.value) }
        pool.stop()
        return results
    }

    /// Blocking has no place on the threads of Swift's own pool.
    private func onThread(_ work: @escaping @Sendable () -> Void) async {
        let pool = WorkerPool(threads: 1)
        await pool.run(work)
        pool.stop()
    }

    @Test func theQueueIsBounded() async {
        let results = await results(waiting: WorkerPool.waitingMax) { pool, _ in
            #expect(await pool.run { 0 } == nil, "one more than may wait")
            #expect(await pool.run { 0 } == nil)
        }
        #expect(results == [-1] + (0..<WorkerPool.waitingMax).map { $0 })
    }

    @Test func whoWaitsTooLongIsSentAway() async {
        let inTime = await results(waiting: 3) { _, clock in clock.advance(5_000) }
        #expect(inTime == [-1, 0, 1, 2])
        let late = await results(waiting: 3) { _, clock in clock.advance(5_001) }
        #expect(late == [-1, nil, nil, nil])
    }

    @Test func aSaturatedPoolIsToldToTheCaller() async {
        _ = await results(waiting: WorkerPool.waitingMax) { pool, _ in
            let hasher = PasswordHasher(costExponent: 4, pool: pool, stopsPool: false)
            await #expect(throws: PasswordHasherError.self) { try await hasher.hash("correct horse") }
            await #expect(throws: PasswordHasherError.self) { try await hasher.verify("a", against: nil) }
        }
    }

    @Test func threadsAreOfLowPriority() async {
        let pool = WorkerPool(threads: 1)
        let niceness = await pool.run { getpriority(__priority_which_t(PRIO_PROCESS.rawValue), 0) }
        #expect(niceness == 10)
        pool.stop()
    }
}
