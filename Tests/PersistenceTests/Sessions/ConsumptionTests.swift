import Testing

@testable import Persistence

struct ConsumptionTests {
    @Test(
        arguments: [
            (0, []), (7, []), (7, [7]), (7, [1, 2, 7]), (1_000_000_000_000, [1, 999_999_999_999]),
        ] as [(Int64, [Int64])])
    func packsAndUnpacks(_ end: Int64, _ open: [Int64]) {
        let consumption = Consumption(end: end, open: open)
        #expect(Consumption(floor: consumption.floor, packed: consumption.packed) == consumption)
        #expect(consumption.floor == (open.first ?? end + 1) - 1)
    }

    /// Too many are open: what is done with above the last that is kept is forgotten, none that is open.
    @Test func isBounded() {
        let consumption = Consumption(end: 50_000, open: Array(1...20_000))
        #expect(consumption.open == Array(1...10_000) && consumption.end == 10_000)
    }

    @Test(arguments: [[0x80], [5, 0], [5, 6], [5, 2, 4], [5, 0x80]] as [[UInt8]])
    func refusesDamage(_ bytes: [UInt8]) {
        #expect(Consumption(floor: 3, packed: bytes) == nil)
    }
}
