import Testing

@testable import Memory

@Suite struct SeldomTests {
    private struct List: Emptiable {
        var numbers: [Int] = []
        var spare = (0, 0, 0, 0)
    }

    private struct Holder {
        @Seldom var list: List
    }

    @Test func copiesChangeByThemselves() {
        var one = Holder()
        #expect(one.list.numbers.isEmpty)
        let empty = one
        one.list.numbers.append(1)
        var other = one
        other.list.numbers.append(2)
        one.list.numbers.append(3)
        #expect(empty.list.numbers.isEmpty && one.list.numbers == [1, 3] && other.list.numbers == [1, 2])
    }

    @Test func itTakesNoMoreThanAReference() {
        #expect(MemoryLayout<Holder>.size == MemoryLayout<UInt>.size)
    }
}
