import Memory
import Testing

@Suite struct QueueTests {
    @Test func aQueueKeepsItsOrder() {
        var queue = Queue<Int>()
        for number in 0..<10 { queue.append(number) }
        #expect((0..<3).map { _ in queue.removeFirst() } == [0, 1, 2])
        queue.prepend([7, 8])
        queue.removeAll { $0 == 4 }
        #expect(queue.count == 8)
        #expect(queue.drain() == [7, 8, 3, 5, 6, 7, 8, 9])
        #expect(queue.isEmpty && queue.removeFirst() == nil)
    }
}
