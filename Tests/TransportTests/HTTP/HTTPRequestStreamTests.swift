import Synchronization
import Testing

@testable import Transport

@Suite struct HTTPRequestStreamTests {
    private final class Asked: Sendable {
        let count = Atomic<Int>(0)
        var now: Int { count.load(ordering: .relaxed) }
    }

    private func stream() -> (HTTPRequestStream, Asked) {
        let asked = Asked()
        return (HTTPRequestStream { asked.count.add(1, ordering: .relaxed) }, asked)
    }

    private static let half = [UInt8](repeating: 1, count: HTTPRequestStream.bufferBytesMax / 2)

    @Test func nothingIsAskedForBeforeSomebodyReads() async throws {
        let (stream, asked) = stream()
        #expect(asked.now == 0)
        async let first = stream.next()
        while asked.now == 0 { await Task.yield() }
        #expect(stream.append([1, 2]))
        #expect(try await first == [1, 2])
        #expect(asked.now == 1, "it is still being read")
    }

    @Test func readingStopsWhileMuchWaits() async throws {
        let (stream, asked) = stream()
        async let first = stream.next()
        while asked.now == 0 { await Task.yield() }
        #expect(stream.append([0]))
        #expect(try await first == [0])
        #expect(stream.append(Self.half))
        #expect(!stream.append(Self.half))
        #expect(asked.now == 1)
        #expect(try await stream.next() == Self.half + Self.half)
        #expect(asked.now == 2, "there is room again")
    }

    @Test func ends() async throws {
        let (stream, asked) = stream()
        _ = stream.append([7])
        stream.end()
        #expect(try await stream.next() == [7])
        #expect(try await stream.next() == nil)
        #expect(asked.now == 0, "there is nothing more to ask for")
        let whole = HTTPRequestStream([1, 2, 3])
        #expect(try await whole.next() == [1, 2, 3])
        #expect(try await whole.next() == nil)
        #expect(try await HTTPRequestStream([]).next() == nil)
    }

    @Test func whoWaitsLearnsOfTheEnd() async throws {
        let (stream, asked) = stream()
        async let last = stream.next()
        while asked.now == 0 { await Task.yield() }
        stream.end()
        #expect(try await last == nil)
    }

    @Test func anAbortIsToldAtOnceAndForEver() async throws {
        let (stream, asked) = stream()
        let reader = Task { try await stream.next() }
        while asked.now == 0 { await Task.yield() }
        stream.abort()
        await #expect(throws: HTTPRequestStream.Aborted.self) { try await reader.value }
        let (other, _) = self.stream()
        _ = other.append([1])
        other.abort()
        await #expect(throws: HTTPRequestStream.Aborted.self) { try await other.next() }
    }
}
