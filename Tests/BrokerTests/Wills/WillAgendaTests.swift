import Testing

@testable import Broker
@testable import Persistence

/// The order of things, without a table and without time.
struct WillAgendaTests {
    private func recorded(_ due: [(Int64, Int64)] = [], gone: [Int64] = []) -> WillAgenda.Action {
        .record(WillChanges(due: due.map { WillChanges.Due(id: $0.0, at: $0.1) }, gone: gone))
    }

    /// Past the first look into the table, at 0, which found nothing.
    private func makeAgenda() -> WillAgenda {
        var agenda = WillAgenda()
        #expect(agenda.mayHoldWills)
        #expect(agenda.next(now: 0) == .send(except: []))
        agenda.read([], nextDueAt: nil, isComplete: true)
        #expect(agenda.isIdle(now: 0) && !agenda.mayHoldWills)
        return agenda
    }

    @Test func whatEndsNowIsSentWithoutWaiting() {
        var agenda = makeAgenda()
        agenda.end(7, dueAt: 10, shard: 3, now: 10)
        #expect(agenda.mayHoldWills && agenda.pendingRecord == 1)
        #expect(agenda.next(now: 10) == recorded([(7, 10)]))
        #expect(agenda.pendingRecord == 1)
        agenda.recorded(isDone: true, now: 10)
        #expect(agenda.pendingRecord == 0)
        #expect(agenda.next(now: 10) == .send(except: []))
        agenda.read([7], nextDueAt: nil, isComplete: true)
        #expect(agenda.shard(of: 7) == 3 && agenda.shard(of: 8) == 0)
        #expect(agenda.next(now: 10) == nil && !agenda.isIdle(now: 10))
        agenda.sent(7)
        #expect(agenda.next(now: 11) == recorded(gone: [7]))
        agenda.recorded(isDone: true, now: 11)
        #expect(agenda.next(now: 11) == nil && agenda.isIdle(now: 11) && !agenda.mayHoldWills)
    }

    @Test func delaysWaitForTheirMomentAndThePoll() {
        var agenda = makeAgenda()
        agenda.end(7, dueAt: 500, shard: 0, now: 10)
        #expect(agenda.next(now: 10) == recorded([(7, 500)]))
        agenda.recorded(isDone: true, now: 10)
        // The table was read at 0, and is not again within a second.
        for now in [Int64(10), 499, 500, Limits.willPollMilliseconds - 1] {
            #expect(agenda.next(now: now) == nil && agenda.isIdle(now: now) == (now < 500))
        }
        #expect(agenda.next(now: Limits.willPollMilliseconds) == .send(except: []))
        agenda.read([7], nextDueAt: 9_000, isComplete: true)
        #expect(agenda.next(now: 8_999) == nil && agenda.next(now: 9_000) == .send(except: [7]))
    }

    /// While the table can't be written nothing is sent, and the changes wait together, in their order.
    @Test func nothingIsSentThatIsNotRecorded() {
        var agenda = makeAgenda()
        agenda.end(7, dueAt: 0, shard: 0, now: 5)
        _ = agenda.next(now: 5)
        agenda.end(8, dueAt: 0, shard: 0, now: 5)
        agenda.discard(9)
        agenda.recorded(isDone: false, now: 5)
        #expect(agenda.isRecordHeldBack(now: 5) && !agenda.hasNext(now: 5))
        #expect(agenda.next(now: Limits.willPollMilliseconds) == nil)
        #expect(agenda.next(now: Limits.willPollMilliseconds + 5) == recorded([(7, 0), (8, 0)], gone: [9]))
        agenda.recorded(isDone: true, now: 2_000)
        #expect(agenda.next(now: 2_000) == .send(except: []))
    }

    /// Neither a failed read nor what is told during a read makes a will forgotten.
    @Test func whatIsToldDuringAReadIsKept() {
        var agenda = makeAgenda()
        agenda.becameDue(now: 100)
        #expect(agenda.next(now: 100) == .send(except: []))
        agenda.becameDue(now: 100)
        agenda.read([7], nextDueAt: nil, isComplete: true)
        #expect(agenda.next(now: 100) == .send(except: [7]))
        agenda.readFailed()
        #expect(agenda.next(now: 101) == nil)
        #expect(agenda.next(now: 100 + Limits.willPollMilliseconds) == .send(except: [7]))
    }

    @Test func whatFailedIsReadAgainAfterASecond() {
        var agenda = makeAgenda()
        agenda.becameDue(now: 0)
        _ = agenda.next(now: 0)
        agenda.read([7, 8], nextDueAt: nil, isComplete: true)
        agenda.failed(7, now: 0)
        #expect(agenda.next(now: 1) == nil && !agenda.isIdle(now: 1))
        #expect(agenda.next(now: Limits.willPollMilliseconds) == .send(except: [8]))
    }

    /// More than one read's worth goes on at once, but not more than so many at a time.
    @Test func floodsAreTakenInPortions() {
        var agenda = makeAgenda()
        agenda.becameDue(now: 0)
        var ids: [Int64] = []
        while case .send(let except)? = agenda.next(now: 0) {
            #expect(except == ids)
            let read = (0..<Int64(Limits.willsPerRead)).map { Int64(ids.count) + $0 + 1 }
            ids += read
            agenda.read(read, nextDueAt: 0, isComplete: false)
        }
        #expect(ids.count == Limits.willsUnderWayMax)
        agenda.sent(5)
        #expect(agenda.next(now: 0) == recorded(gone: [5]))
        agenda.recorded(isDone: true, now: 0)
        #expect(agenda.next(now: 0) == .send(except: ids.filter { $0 != 5 }))
    }
}
