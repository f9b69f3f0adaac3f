import Transport

// Plain messages for other shards are handed over faster than those deliver them: a publisher is read no further while one of its messages went
// to a shard that has enough to do. What was read already is not lost for that.
extension Shard {
    // MARK: The publishers' side

    /// Something was added to what goes to another shard at the end of the turn.
    @inline(__always)
    mutating func noteOutgoing(_ shard: Int) {
        if outgoing[shard].count > PlainBatch.countMax { busyShards |= 1 << UInt64(shard) }
    }

    /// - Parameter shards: a bit for each to which its message went.
    @inline(__always)
    mutating func holdBackIfAhead(_ session: Int32, of shards: UInt64, io: inout Connections) {
        if shards & busyShards != 0 { holdBack(session, for: shards & busyShards, io: &io) }
    }

    private mutating func holdBack(_ session: Int32, for shards: UInt64, io: inout Connections) {
        if sessions[Int(session)].aheadOf == 0 { publishersAhead.append(sessionToken(session)) }
        sessions[Int(session)].aheadOf |= shards
        io.pauseReading(sessions[Int(session)].slot)
    }

    /// To be called before so many bytes of plain messages are posted.
    mutating func noteBacklog(_ bytes: Int, of shard: Int) {
        let bit: UInt64 = 1 << UInt64(shard)
        if hub.backlogs[shard].add(bytes) { busyShards |= bit }
        if busyShards & bit != 0, !hub.backlogs[shard].awaitRoom(index) { busyShards &= ~bit }
    }

    /// The end of a turn: what it brought for other shards goes there.
    mutating func postPlain(io: inout Connections) {
        for shard in outgoing.indices where !outgoing[shard].isEmpty {
            noteBacklog(outgoing[shard].heldBytes, of: shard)
            hub.mailroom.post(.plain(outgoing[shard]), to: shard)
            outgoing[shard] = []
        }
        releaseAhead(io: &io)
    }

    /// A shard has done most of what it had.
    mutating func plainRoom(on shard: Int, io: inout Connections) {
        busyShards &= ~(1 << UInt64(shard))
        releaseAhead(io: &io)
    }

    private mutating func releaseAhead(io: inout Connections) {
        guard !publishersAhead.isEmpty else { return }
        var tokens: [UInt64] = []
        swap(&tokens, &publishersAhead)
        for token in tokens {
            guard let session = session(of: token) else { continue }
            guard sessions[Int(session)].aheadOf & busyShards == 0 else {
                publishersAhead.append(token)
                continue
            }
            sessions[Int(session)].aheadOf = 0
            resumeReading(session, io: &io)
        }
    }

    // MARK: The subscribers' side

    mutating func deliver(_ batches: [PlainBatch], io: inout Connections) {
        for batch in batches { deliver(batch, io: &io) }
        noteHandled(batches.heldBytes)
    }

    /// So many bytes of plain messages that were posted here are handled.
    func noteHandled(_ bytes: Int) {
        var shards = hub.backlogs[index].remove(bytes)
        while shards != 0 {
            hub.mailroom.post(.plainRoom(on: index), to: shards.trailingZeroBitCount)
            shards &= shards - 1
        }
    }
}
