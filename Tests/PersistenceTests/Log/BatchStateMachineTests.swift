import Testing

@testable import Persistence

/// What a log writer decides after each event, in tables: no database, no clock.
@Suite struct BatchStateMachineTests {
    /// What happens to the machine.
    enum Event {
        /// So many entries to topic 1.
        case taken(Int, isConnected: Bool = true)
        case connected
        case sent
        case paused
        /// All entries, numbered from that on.
        case committed(Int64)
        case sorted([PublishBatch.CarefulResult])
        case failed(DatabaseError)
        case failedWhileClosing(DatabaseError)
        /// Milliseconds pass.
        case later(Int64)
    }

    private static let away = DatabaseError.unavailable("gone")

    private static func refused(_ code: String) -> DatabaseError {
        .refused(code: code, constraint: "", message: "no")
    }

    private static func result(
        _ state: PublishBatch.CarefulState, _ seq: Int64, id: Int64
    ) -> PublishBatch.CarefulResult {
        PublishBatch.CarefulResult(seq: seq, id: id, state: state)
    }

    /// Runs the events; each must be answered as its text says: effects, then the action.
    private func check(_ steps: [(Event, String)], line: Int = #line) {
        var machine = BatchStateMachine(unavailableAfterMilliseconds: 1_000)
        var now: Int64 = 5_000
        for (index, (event, expected)) in steps.enumerated() {
            var decision = BatchStateMachine.Decision(action: machine.firstAction)
            switch event {
            case .taken(let count, let isConnected):
                let origins = (0..<count).map { AppendOrigin.shard(index: 0, token: UInt64($0)) }
                decision.action = machine.taken(batch(count), origins, isConnected: isConnected, now: now)
            case .connected: decision = machine.connected(now: now)
            case .sent: decision.action = machine.sent()
            case .paused: decision.action = machine.paused()
            case .committed(let first):
                let seqs = machine.content.appends.indices.map { first + Int64($0) }
                decision = machine.committed(seqs: seqs, now: now)
            case .sorted(let results): decision = machine.sorted(results, now: now)
            case .failed(let error): decision = machine.failed(error, now: now, isClosing: false)
            case .failedWhileClosing(let error): decision = machine.failed(error, now: now, isClosing: true)
            case .later(let milliseconds):
                now += milliseconds
                continue
            }
            #expect(text(decision) == expected, "step \(index) of the table in line \(line)")
        }
    }

    /// Entries with the ids 1, 2, 3, ….
    private func batch(_ count: Int) -> PublishBatch {
        PublishBatch(
            (0..<Int64(count)).map { number in
                Append(
                    topic: StoredTopic(id: 1, address: .group(1)), id: number + 1, senderID: 5, kind: .message,
                    key: IdempotencyKey(entryID: number + 1), suffix: [])
            })
    }

    private func text(_ decision: BatchStateMachine.Decision) -> String {
        let effects = decision.effects.map { effect in
            switch effect {
            case .deliver(let result):
                "told \(result.outcomes.map(text)) new \(result.entries.map(\.seq)) over \(result.released.entries)"
            case .noteAbsence(let isAway): isAway ? "absent" : "present"
            case .refuseAppends(let isRefusing): isRefusing ? "refuse" : "accept"
            case .dropQueued: "drop"
            case .takeApart(let batch, let origins): "\(batch.appends.count) of \(origins.count) apart"
            case .report(let line): line.replacing("log writer: ", with: "")
            }
        }
        let action = decision.action
        return (effects + ["\(action)".replacing("milliseconds: ", with: "")]).joined(separator: ", ")
    }

    private func text(_ outcome: AppendOutcome) -> String {
        outcome.seq.map { "\(outcome.name)@\($0)" } ?? outcome.name
    }

    // MARK: Tables

    @Test func oneBatchAfterTheOther() {
        check([
            (.connected, "take"),
            (.taken(2), "send"), (.sent, "awaitAnswer"),
            (.committed(1), #"told ["committed@1", "committed@2"] new [1, 2] over 2, take"#),
            (.taken(1), "send"), (.sent, "awaitAnswer"),
            (.committed(3), #"told ["committed@3"] new [3] over 1, take"#),
        ])
    }

    /// The connection is made at the start for the first batch; that it fails concerns nobody yet.
    @Test func aFailureAtTheStartIsNotTold() {
        for failure in [Self.away, Self.refused("3D000")] {
            var expected = "take"
            if case .refused = failure { expected = "the database refuses a batch: 3D000 no, take" }
            check([
                (.failed(failure), expected),
                (.taken(1, isConnected: false), "connect"), (.connected, "send"), (.sent, "awaitAnswer"),
                (.committed(1), #"told ["committed@1"] new [1] over 1, take"#),
            ])
        }
    }

    /// What was never sent is sent in the usual way when there is a connection again.
    @Test func aBatchThatWasNotSentIsNotDoubted() {
        check([
            (.connected, "take"),
            (.taken(1, isConnected: false), "connect"),
            (.failed(Self.away), "absent, the database is away: the database does not answer: gone, pause(50)"),
            (.later(60), ""), (.paused, "connect"), (.failed(Self.away), "pause(100)"),
            (.later(100), ""), (.paused, "connect"), (.connected, "send"), (.sent, "awaitAnswer"),
            (
                .committed(1),
                #"told ["committed@1"] new [1] over 1, present, accept, the database is back after 160 ms, take"#
            ),
        ])
    }

    /// A database that hangs has been away since it was asked: who has waited long enough is told with the first failure.
    @Test func theWaitBeginsWithTheBatch() {
        check([
            (.connected, "take"), (.taken(1), "send"), (.sent, "awaitAnswer"), (.later(1_000), ""),
            (
                .failed(Self.away),
                "1 entries in an unknown state, absent, the database is away: the database does not answer: gone, refuse, "
                    + #"told ["unavailable"] new [] over 0, drop, pause(50)"#
            ),
            (.paused, "connect"), (.connected, "sendCarefully"),
            (
                .sorted([Self.result(.appended, 1, id: 1)]),
                "told [] new [1] over 1, present, accept, the database is back after 1000 ms, take"
            ),
        ])
    }

    /// The answer is lost: the careful way finds out, before anything else is sent.
    @Test func anUnknownBatchIsRepeatedCarefully() {
        for wasSent in [true, false] {
            let sent: [(Event, String)] = wasSent ? [(.sent, "awaitAnswer")] : []
            check(
                [(.connected, "take"), (.taken(3), "send")] + sent + [
                    (
                        .failed(Self.away),
                        "3 entries in an unknown state, absent, the database is away: the database does not answer: gone, pause(50)"
                    ),
                    (.paused, "connect"), (.failed(Self.away), "pause(100)"),
                    (.paused, "connect"), (.connected, "sendCarefully"), (.failed(Self.away), "pause(200)"),
                    (.paused, "connect"), (.connected, "sendCarefully"),
                    (
                        // 1 was committed by the lost attempt, 3 is an earlier entry's repetition.
                        .sorted([
                            Self.result(.same, 7, id: 1), Self.result(.appended, 8, id: 2),
                            Self.result(.same, 4, id: 99),
                        ]),
                        #"told ["committed@7", "committed@8", "repeated@4"] new [7, 8] over 3, present, accept, "#
                            + "the database is back after 0 ms, take"
                    ),
                ])
        }
    }

    /// A refusal that the careful way answers: the connection stays, and nothing is in doubt.
    @Test(arguments: ["23505", "P0002", "40001", "40P01"]) func aRefusalThatAsksForCare(_ code: String) {
        check([
            (.connected, "take"), (.taken(4), "send"), (.sent, "awaitAnswer"),
            (.failed(Self.refused(code)), "sendCarefully"),
            (
                // An entry with its own id that is there already may have been committed by a hub that is no more, and told nobody.
                .sorted([
                    Self.result(.same, 1, id: 1), Self.result(.other, 2, id: 9), Self.result(.topicMissing, 0, id: 0),
                    Self.result(.appended, 3, id: 4),
                ]),
                #"told ["committed@1", "clientRefReused", "topicGone", "committed@3"] new [1, 3] over 4, take"#
            ),
        ])
    }

    @Test func theCarefulWayIsNotHurried() {
        let failure = Event.failed(Self.refused("40P01"))
        check([
            (.connected, "take"), (.taken(1), "send"), (.sent, "awaitAnswer"),
            (failure, "sendCarefully"), (failure, "pause(50)"), (.paused, "sendCarefully"), (failure, "pause(100)"),
            (.paused, "sendCarefully"), (failure, "pause(200)"), (.paused, "sendCarefully"),
            (.sorted([Self.result(.appended, 1, id: 1)]), #"told ["committed@1"] new [1] over 1, take"#),
            // The next batch begins anew.
            (.taken(1), "send"), (.sent, "awaitAnswer"), (failure, "sendCarefully"), (failure, "pause(50)"),
        ])
    }

    /// Where care does not help, it is a refusal like any other: the batch is over, or stays if an attempt may be in the log.
    @Test func theCarefulWayIsNotTriedForEver() {
        let failure = Event.failed(Self.refused("23505"))
        check([
            (.connected, "take"), (.taken(1), "send"), (.sent, "awaitAnswer"),
            (failure, "sendCarefully"), (failure, "pause(50)"), (.paused, "sendCarefully"), (failure, "pause(100)"),
            (.paused, "sendCarefully"), (failure, "pause(200)"), (.paused, "sendCarefully"),
            (failure, #"the database refuses a batch: 23505 no, told ["unavailable"] new [] over 1, take"#),
            (.taken(1, isConnected: false), "connect"), (.connected, "send"), (.sent, "awaitAnswer"),
            (.committed(1), #"told ["committed@1"] new [1] over 1, take"#),
        ])
        check([
            (.connected, "take"), (.taken(1), "send"),
            (
                .failed(Self.away),
                "1 entries in an unknown state, absent, the database is away: the database does not answer: gone, pause(50)"
            ),
            (.paused, "connect"), (.connected, "sendCarefully"), (failure, "sendCarefully"), (failure, "pause(100)"),
            (.paused, "sendCarefully"), (failure, "pause(200)"), (.paused, "sendCarefully"), (failure, "pause(400)"),
            (.paused, "sendCarefully"), (failure, "the database refuses a batch: 23505 no, pause(800)"),
            (.later(1_000), ""), (.paused, "connect"), (.connected, "sendCarefully"),
            (
                failure,
                #"the database refuses a batch: 23505 no, refuse, told ["unavailable"] new [] over 0, drop, pause(1000)"#
            ),
            (.paused, "connect"), (.connected, "sendCarefully"),
            (
                .sorted([Self.result(.appended, 1, id: 1)]),
                "told [] new [1] over 1, present, accept, the database is back after 1000 ms, take"
            ),
        ])
    }

    /// Any other refusal: the batch is not in the log, and the next one looks for a server that takes it. Of several entries each gets its own
    /// chance.
    @Test func aRefusedBatchIsOver() {
        check([
            (.connected, "take"), (.taken(2), "send"), (.sent, "awaitAnswer"),
            (.failed(Self.refused("42501")), "the database refuses a batch: 42501 no, 2 of 2 apart, take"),
            (.taken(1, isConnected: false), "connect"), (.connected, "send"), (.sent, "awaitAnswer"),
            (
                .failed(Self.refused("42501")),
                #"the database refuses a batch: 42501 no, told ["unavailable"] new [] over 1, take"#
            ),
            (.taken(1, isConnected: false), "connect"), (.connected, "send"), (.sent, "awaitAnswer"),
            (.committed(1), #"told ["committed@1"] new [1] over 1, take"#),
        ])
    }

    /// Whoever refuses a batch is there.
    @Test func aRefusalEndsAnAbsence() {
        check([
            (.connected, "take"), (.taken(1, isConnected: false), "connect"),
            (.failed(Self.away), "absent, the database is away: the database does not answer: gone, pause(50)"),
            (.later(60), ""), (.paused, "connect"), (.connected, "send"), (.sent, "awaitAnswer"),
            (
                .failed(Self.refused("42501")),
                #"the database refuses a batch: 42501 no, told ["unavailable"] new [] over 1, present, accept, "#
                    + "the database is back after 60 ms, take"
            ),
        ])
        // Whoever lets nobody in is not.
        check([
            (.connected, "take"), (.taken(1, isConnected: false), "connect"),
            (.failed(Self.away), "absent, the database is away: the database does not answer: gone, pause(50)"),
            (.paused, "connect"),
            (
                .failed(Self.refused("42501")),
                #"the database refuses a batch: 42501 no, told ["unavailable"] new [] over 1, pause(100)"#
            ),
            (.later(60), ""), (.paused, "connect"),
            (.connected, "present, accept, the database is back after 60 ms, take"),
        ])
    }

    /// If an earlier attempt may be in the log, a refusal says nothing about it.
    @Test func aRefusalEndsNoUnknownBatch() {
        check([
            (.connected, "take"), (.taken(1), "send"),
            (
                .failed(Self.away),
                "1 entries in an unknown state, absent, the database is away: the database does not answer: gone, pause(50)"
            ),
            (.paused, "connect"), (.connected, "sendCarefully"),
            (.failed(Self.refused("42501")), "the database refuses a batch: 42501 no, pause(100)"),
            (.paused, "connect"), (.connected, "sendCarefully"),
            (
                .sorted([Self.result(.appended, 1, id: 1)]),
                #"told ["committed@1"] new [1] over 1, present, accept, the database is back after 0 ms, take"#
            ),
        ])
    }

    /// Who waits for a batch that was not sent is told after a while, and the batch is no more.
    @Test func aLongAbsenceEndsWhatWasNotSent() {
        check([
            (.failed(Self.away), "take"), (.taken(1, isConnected: false), "connect"),
            (.failed(Self.away), "absent, the database is away: the database does not answer: gone, pause(50)"),
            (.later(999), ""), (.paused, "connect"), (.failed(Self.away), "pause(100)"),
            (.later(1), ""), (.paused, "connect"),
            (.failed(Self.away), #"refuse, told ["unavailable"] new [] over 1, drop, pause(200)"#),
            // Now only the way back matters.
            (.paused, "connect"), (.failed(Self.away), "refuse, drop, pause(400)"),
            (.paused, "connect"), (.connected, "present, accept, the database is back after 1000 ms, take"),
            (.taken(1), "send"), (.sent, "awaitAnswer"),
            (.committed(1), #"told ["committed@1"] new [1] over 1, take"#),
        ])
    }

    /// Who waits for an unknown batch is told, too; but the log must be set right before anything else.
    @Test func aLongAbsenceKeepsWhatIsUnknown() {
        check([
            (.connected, "take"), (.taken(2), "send"), (.sent, "awaitAnswer"),
            (
                .failed(Self.away),
                "2 entries in an unknown state, absent, the database is away: the database does not answer: gone, pause(50)"
            ),
            (.later(1_000), ""), (.paused, "connect"),
            (
                .failed(Self.away),
                #"refuse, told ["unavailable", "unavailable"] new [] over 0, drop, pause(100)"#
            ),
            (.paused, "connect"), (.failed(Self.away), "refuse, drop, pause(200)"),
            (.paused, "connect"), (.connected, "sendCarefully"),
            (
                .sorted([Self.result(.same, 1, id: 1), Self.result(.appended, 2, id: 2)]),
                "told [] new [1, 2] over 2, present, accept, the database is back after 1000 ms, take"
            ),
        ])
    }

    @Test func closingDoesNotWaitForTheDatabase() {
        let away = "absent, the database is away: the database does not answer: gone"
        check([
            (.failed(Self.away), "take"), (.taken(1, isConnected: false), "connect"),
            (.failedWhileClosing(Self.away), away + #", told ["unavailable"] new [] over 1, drop, take"#),
        ])
        check([
            (.connected, "take"), (.taken(1), "send"), (.sent, "awaitAnswer"),
            (
                .failedWhileClosing(Self.away),
                "1 entries in an unknown state, " + away + #", told ["unavailable"] new [] over 1, drop, take"#
            ),
        ])
        // Those who were told are not told again.
        check([
            (.connected, "take"), (.taken(1), "send"),
            (.failed(Self.away), "1 entries in an unknown state, " + away + ", pause(50)"),
            (.later(1_000), ""), (.paused, "connect"),
            (.failed(Self.away), #"refuse, told ["unavailable"] new [] over 0, drop, pause(100)"#),
            (.paused, "connect"), (.failedWhileClosing(Self.away), "refuse, drop, told [] new [] over 1, drop, take"),
        ])
        // A refusal that asks for care has its answer, which is waited for.
        check([
            (.connected, "take"), (.taken(1), "send"), (.sent, "awaitAnswer"),
            (.failedWhileClosing(Self.refused("23505")), "sendCarefully"),
            (.sorted([Self.result(.same, 1, id: 9)]), #"told ["repeated@1"] new [] over 1, take"#),
        ])
        // But once.
        check([
            (.connected, "take"), (.taken(1), "send"), (.sent, "awaitAnswer"),
            (.failedWhileClosing(Self.refused("23505")), "sendCarefully"),
            (
                .failedWhileClosing(Self.refused("23505")),
                #"the database refuses a batch: 23505 no, told ["unavailable"] new [] over 1, take"#
            ),
        ])
    }
}
