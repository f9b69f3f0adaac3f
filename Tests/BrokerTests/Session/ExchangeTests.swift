import Testing

@testable import Broker

/// QoS 2 in both directions as values: what each packet does in each state.
@Suite struct ExchangeTests {
    // MARK: To the client

    private enum Packet: String {
        case puback, pubrec, refusal, pubcomp
    }

    /// Each: packets for one delivery of QoS 2 or 1, which of them count, and whether it is complete after them.
    @Test(
        arguments: [
            (true, [.pubrec, .pubcomp], [true, true], true), (true, [.pubcomp], [false], false),
            (true, [.puback, .pubrec], [false, true], false),
            (true, [.pubrec, .pubrec, .pubcomp], [true, true, true], true),
            (true, [.refusal], [true], true), (true, [.pubrec, .refusal], [true, false], false),
            (true, [.pubrec, .pubcomp, .pubcomp], [true, true, false], true),
            (false, [.puback], [true], true), (false, [.pubrec, .pubcomp, .refusal], [false, false, false], false),
        ] as [(Bool, [Packet], [Bool], Bool)])
    private func deliveries(_ isExactlyOnce: Bool, _ packets: [Packet], _ counts: [Bool], _ isDone: Bool) {
        var inFlight = InFlight()
        let id = inFlight.append(cursor: 0, seq: 1, qos: isExactlyOnce ? .exactlyOnce : .atLeastOnce)
        for (packet, isCounted) in zip(packets, counts) {
            #expect(apply(packet, id, &inFlight) == isCounted, "\(packet)")
        }
        #expect(inFlight.outstanding == (isDone ? 0 : 1))
        let item = inFlight.popDone()
        #expect((item != nil) == isDone)
    }

    private func apply(_ packet: Packet, _ id: UInt16, _ inFlight: inout InFlight) -> Bool {
        switch packet {
        case .puback: return inFlight.acknowledge(id)
        case .refusal: return inFlight.reject(id)
        case .pubcomp: return inFlight.complete(id)
        case .pubrec:
            if case .arrived = inFlight.receive(id) { return true }
            return false
        }
    }

    /// A session that comes back: identifiers are the old ones, what is missing in between is complete, new ones follow.
    @Test func restored() {
        var inFlight = InFlight()
        inFlight.restore(ordinal: 65_533, .init(cursor: 2, state: .restored, isExactlyOnce: true, seq: 7))
        inFlight.restore(ordinal: 65_535, .init(cursor: -1, state: .released, isExactlyOnce: true, seq: 3))
        inFlight.restore(ordinal: 65_536, .init(cursor: 2, state: .done, isExactlyOnce: false, seq: 8))
        inFlight.continue(at: 65_538)
        #expect(inFlight.outstanding == 1)
        #expect(inFlight.hasRestored(cursor: 2) && !inFlight.hasRestored(cursor: 1))
        guard case .due(65_534, .exactlyOnce) = inFlight.repeats(cursor: 2, seq: 7) else {
            Issue.record("it is to be sent again")
            return
        }
        #expect(inFlight.outstanding == 2 && inFlight.restoredCount == 0)
        guard case .arrived = inFlight.repeats(cursor: 2, seq: 8), case .none = inFlight.repeats(cursor: 2, seq: 9)
        else {
            Issue.record("8 has arrived, 9 is new")
            return
        }
        let next = inFlight.append(cursor: 2, seq: 9, qos: .atLeastOnce)
        #expect(next == 4)
        let outcome1 = inFlight.complete(1)
        #expect(outcome1)
        guard case .arrived(isNew: true) = inFlight.receive(65_534) else {
            Issue.record("the old identifier is known")
            return
        }
        let outcome2 = inFlight.complete(65_534)
        #expect(outcome2)
        var popped: [Int64] = []
        while let item = inFlight.popDone() { if item.cursor == 2 { popped.append(item.seq) } }
        #expect(popped == [7, 8])
    }

    @Test func whatIsGoneIsGivenUp() {
        var inFlight = InFlight()
        for seq in Int64(1)...4 {
            inFlight.restore(
                ordinal: seq, .init(cursor: Int32(seq % 2), state: .restored, isExactlyOnce: false, seq: seq))
        }
        #expect(inFlight.hasRestored(cursor: 1, upTo: 1) && !inFlight.hasRestored(cursor: 0, upTo: 1))
        let abandoned = inFlight.abandon(cursor: 1, upTo: 2)
        #expect(abandoned == 1 && inFlight.restoredCount == 3)
        inFlight.detach(cursor: 0)
        #expect(inFlight.restoredCount == 1)
        // What stands behind the end of its log may still come.
        let outcome1 = inFlight.forgetRestored(upTo: [9, 2])
        #expect(!outcome1 && inFlight.restoredCount == 1)
        let outcome2 = inFlight.forgetRestored(upTo: [0, 3])
        #expect(outcome2 && inFlight.restoredCount == 0 && inFlight.outstanding == 0)
        var count = 0
        while let item = inFlight.popDone() {
            count += 1
            // What was abandoned stands in nobody's log.
            #expect((item.cursor == -1) == (item.seq != 3))
        }
        #expect(count == 4 && inFlight.isEmpty)
    }

    // MARK: From the client

    @Test func publishes() {
        var exchanges = InboundExchanges()
        exchanges.publish(7, newID: 100)
        #expect(exchanges.state(of: 7) == .publishing && exchanges.entryID(of: 7) == 100)
        let outcome3 = exchanges.release(7)
        #expect(!outcome3, "PUBREL before PUBREC ends nothing")
        exchanges.answer(7, isRefused: false)
        #expect(exchanges.state(of: 7) == .arrived && exchanges.arrivedCount == 1)
        let outcome4 = exchanges.release(7)
        #expect(outcome4)
        let outcome5 = exchanges.release(7)
        #expect(!outcome5)
        #expect(exchanges.isEmpty && exchanges.arrivedCount == 0)
        exchanges.publish(7, newID: 101)
        exchanges.answer(7, isRefused: true)
        #expect(exchanges.isEmpty)
    }

    /// After a crash the same message is published under the same id, or released.
    @Test func restoredPublishes() {
        var exchanges = InboundExchanges()
        exchanges.restore(8, entryID: 50, isPublished: true)
        exchanges.restore(9, entryID: 51, isPublished: false)
        exchanges.publish(8, newID: 99)
        #expect(exchanges.entryID(of: 8) == 50 && exchanges.state(of: 8) == .publishing)
        let outcome6 = exchanges.release(9)
        #expect(outcome6)
        #expect(exchanges.arrivedCount == 0)
    }

    // MARK: Held actions

    @Test(arguments: [1, .max - 1] as [UInt32]) func heldUntilSaved(_ first: UInt32) {
        var held = HeldActions()
        held.append(.write([1]), revision: first)
        held.append(.publish([2, 2], isAnswered: true), revision: first &+ 1)
        held.append(.publish([3], isAnswered: false), revision: first &+ 1)
        held.append(.write([4]), revision: first &+ 2)
        #expect(held.publishesCount == 2 && held.answersCount == 1 && held.publishBytes == 3)
        let outcome7 = held.take(savedRevision: first &- 1)
        #expect(outcome7.isEmpty)
        let outcome8 = held.take(savedRevision: first &+ 1)
        #expect(outcome8.count == 3)
        #expect(held.publishesCount == 0 && held.answersCount == 0 && held.publishBytes == 0)
        let outcome9 = held.take(savedRevision: first &+ 2)
        #expect(outcome9.count == 1)
        #expect(held.isEmpty)
    }
}
