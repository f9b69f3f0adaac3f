import Persistence

/// How far the members of a shared subscription have come, together, in the log that it is served from. A value of the group's home; it
/// knows numbers only.
///
/// An entry is open from being offered to the group until it is done with. All entries up to `offered` that are not open are done with,
/// so memory is bounded by what the members may have. When nobody is left to take an open entry, it is to be offered again.
struct ShareLog {
    let topicID: Int64
    /// Entry n is offered as message `base` + n: an earlier log of the same filter may have used the numbers below.
    let base: Int64
    /// All entries up to this one are done with.
    private(set) var floor: Int64
    private var offered: Int64
    private var open: Set<Int64>
    /// Open entries that nobody has, the next one last.
    private var again: [Int64]
    /// Entries above `offered` that are done with already.
    private var taken: Set<Int64>
    /// The last entry that the home has come to, in the order in which it hears things.
    private(set) var end: Int64
    /// A page of it is being read.
    var isReading = false

    init(topicID: Int64, base: Int64, end: Int64, _ consumption: Consumption) {
        self.topicID = topicID
        self.end = end
        self.base = base
        floor = consumption.floor
        offered = consumption.end
        open = Set(consumption.open)
        taken = []
        again = []
        for seq in consumption.taken {
            if seq > offered { taken.insert(seq) } else { open.remove(seq) }
        }
        again = open.sorted(by: >)
        advance()
    }

    /// The entry that is to be offered next.
    var next: Int64 { again.last ?? offered + 1 }

    /// What is to be stored of it.
    var consumption: Consumption { Consumption(end: offered, open: open.sorted()) }

    mutating func extend(to seq: Int64) { end = max(end, seq) }

    /// - Returns: the message's number.
    mutating func offer(_ seq: Int64) -> Int64 {
        precondition(seq == next, "entries are offered in order")
        if again.popLast() == nil {
            offered = seq
            open.insert(seq)
            advance()
        }
        return base + seq
    }

    /// Members have acknowledged the entry, or nobody is to get it.
    mutating func settle(_ seq: Int64) {
        open.remove(seq)
        advance()
    }

    /// Entries up to this one are not to be offered: they are over, or no longer there.
    mutating func skip(upTo seq: Int64) {
        while let first = again.last, first <= seq {
            again.removeLast()
            open.remove(first)
        }
        if again.isEmpty { offered = max(offered, seq) }
        advance()
    }

    /// Nobody is left who could take these.
    mutating func takeBack(_ seqs: [Int64]) {
        again = (again + seqs.filter(open.contains)).sorted(by: >)
    }

    private mutating func advance() {
        while !taken.isEmpty, taken.remove(offered + 1) != nil { offered += 1 }
        while floor < offered, !open.contains(floor + 1) { floor += 1 }
    }
}
