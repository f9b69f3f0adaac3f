import Synchronization
import Testing

@testable import Persistence

@Suite struct BatcherTests {
    /// Answers with the double, one run at a time when it is let.
    private final class Doubler: Sendable {
        private struct State {
            var runs: [[Int]] = []
            var held: [CheckedContinuation<Void, Never>] = []
            var isOpen = false
        }

        private let state = Mutex(State())
        private let failure: @Sendable ([Int]) -> DatabaseError?

        init(failure: @escaping @Sendable ([Int]) -> DatabaseError? = { _ in nil }) { self.failure = failure }

        var runs: [[Int]] { state.withLock { $0.runs } }

        func run(_ questions: [Int]) async throws -> [Int] {
            await withCheckedContinuation { continuation in
                let isOpen = state.withLock { state in
                    state.runs.append(questions)
                    if !state.isOpen { state.held.append(continuation) }
                    return state.isOpen
                }
                if isOpen { continuation.resume() }
            }
            if let failure = failure(questions) { throw failure }
            return questions.map { 2 * $0 }
        }

        /// Lets the runs that are held, and all that come, go on.
        func open() {
            let held = state.withLock { state in
                state.isOpen = true
                return state.held
            }
            for continuation in held { continuation.resume() }
        }

        func waitForRuns(_ count: Int) async {
            while runs.count < count { try? await Task.sleep(for: .milliseconds(1)) }
        }
    }

    /// Asks the numbers, the first so many by themselves before the others come; the outcomes in the order of the numbers.
    private func ask(
        _ numbers: Range<Int>, alone: Int, _ batcher: Batcher<Int, Int>, _ doubler: Doubler
    ) async -> [Result<Int, DatabaseError>] {
        await withTaskGroup(of: (Int, Result<Int, DatabaseError>).self) { group in
            for number in numbers {
                group.addTask {
                    do throws(DatabaseError) {
                        return (number, .success(try await batcher.ask(number)))
                    } catch {
                        return (number, .failure(error))
                    }
                }
                if number - numbers.lowerBound < alone { await doubler.waitForRuns(number - numbers.lowerBound + 1) }
            }
            while batcher.waitingCount < numbers.count - alone { try? await Task.sleep(for: .milliseconds(1)) }
            doubler.open()
            var outcomes: [Int: Result<Int, DatabaseError>] = [:]
            for await (number, outcome) in group { outcomes[number] = outcome }
            return numbers.compactMap { outcomes[$0] }
        }
    }

    @Test func whatComesWhileOneRunsGoesTogether() async {
        let doubler = Doubler()
        let batcher = Batcher<Int, Int>(batchMax: 4) { try await doubler.run($0) }
        #expect(await ask(0..<10, alone: 1, batcher, doubler) == (0..<10).map { .success(2 * $0) })
        #expect(doubler.runs.map(\.count) == [1, 4, 4, 1])
        #expect((try? await batcher.ask(20)) == 40 && doubler.runs.count == 5, "the next is alone again")
    }

    @Test func asManyRunAsMay() async {
        let doubler = Doubler()
        let batcher = Batcher<Int, Int>(batchMax: 100, runningMax: 2) { try await doubler.run($0) }
        #expect(await ask(0..<9, alone: 2, batcher, doubler) == (0..<9).map { .success(2 * $0) })
        #expect(doubler.runs.map(\.count) == [1, 1, 7])
    }

    @Test func whatIsRefusedIsNotTheOthersLoss() async {
        let refusal = DatabaseError.refused(code: "23503", constraint: "", message: "")
        let doubler = Doubler { $0.contains(3) ? refusal : nil }
        let batcher = Batcher<Int, Int>(batchMax: 100) { try await doubler.run($0) }
        #expect(
            await ask(0..<6, alone: 1, batcher, doubler)
                == (0..<6).map { $0 == 3 ? .failure(refusal) : .success(2 * $0) })
    }

    @Test func aBrokenConnectionIsThatBatchsLoss() async {
        let doubler = Doubler { $0.contains(0) ? .unavailable("away") : nil }
        let batcher = Batcher<Int, Int>(batchMax: 100) { try await doubler.run($0) }
        #expect(
            await ask(0..<3, alone: 1, batcher, doubler)
                == [.failure(.unavailable("away")), .success(2), .success(4)])
    }
}
