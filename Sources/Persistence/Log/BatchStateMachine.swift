/// How a log writer gets one batch after the other into the log, whatever the database does: decisions only. It does no I/O and reads no
/// clock; `BatchLoop` does what each action says, and tells by the next event what came of it.
///
/// A batch whose fate is unknown, because the connection broke after it was sent, is repeated through `confab_publish_careful` until
/// that answers, before any later batch: so nothing is stored twice, and the order within a topic holds.
struct BatchStateMachine {
    /// Between attempts while the database is away; doubles up to the maximum.
    private static let backoffMillisecondsMin: Int64 = 50
    private static let backoffMillisecondsMax: Int64 = 1_000
    /// So often the careful way may fail for a reason that asks for care: a deadlock may meet another one. Then it is a refusal like any other,
    /// such as that of a log which is ahead of its topic's row.
    private static let carefulAttemptsMax = 4

    enum State {
        /// No batch. → `fresh`, `sent`
        case idle
        /// Not sent; a connection comes first. → `sent`, `careful`, `idle`
        case fresh
        /// `confab_publish` runs, or is being sent. → `careful`, `idle`
        case sent
        /// To be sent through `confab_publish_careful`, `confab_publish_annotated` or `confab_publish_attaching`, or that runs. → `idle`
        case careful
    }

    enum Action: Equatable {
        /// Take the next batch; wait for it if nothing else is to be done.
        case take
        case connect
        /// Send the batch by `confab_publish`, without waiting for the answer.
        case send
        case awaitAnswer
        /// Run `confab_publish_careful`, `confab_publish_annotated` or `confab_publish_attaching` with the batch.
        case sendCarefully
        case pause(milliseconds: Int64)
    }

    /// What is to be done besides, in this order and before anything is waited for.
    enum Effect {
        case deliver(BatchResult)
        /// Whether the database is away, which `/readyz` tells.
        case noteAbsence(Bool)
        /// Whether new appends are to be turned away.
        case refuseAppends(Bool)
        /// All that waits behind the batch is to be reported as unavailable.
        case dropQueued
        /// To be taken again before all that waits, each entry as a batch of its own.
        case takeApart(PublishBatch, [AppendOrigin])
        /// A line for the log of the hub.
        case report(String)
    }

    struct Decision {
        var effects: [Effect] = []
        var action: Action
    }

    private let unavailableAfterMilliseconds: Int64
    private(set) var state = State.idle
    /// The entries of the batch, unless `idle`.
    private(set) var content = PublishBatch([])
    private(set) var isConnected = false
    /// Of the batch; empty when they were told that it is unavailable, and only the log must still be set right.
    private var origins: [AppendOrigin] = []
    /// An attempt may have been committed without our knowing.
    private var isUnknown = false
    /// How many failures of the batch asked for care.
    private var careCount = 0
    private var backoff = backoffMillisecondsMin
    /// When the batch was taken.
    private var startedAt: Int64 = 0
    /// Since when the database has not answered; nil: it does.
    private var awaySince: Int64?

    /// - Parameter unavailableAfterMilliseconds: how long the database may be away before those who wait are told.
    init(unavailableAfterMilliseconds: Int64) { self.unavailableAfterMilliseconds = unavailableAfterMilliseconds }

    /// What to begin with. The first batch then need not wait for the connection; a failure shows again when it is needed.
    var firstAction: Action { .connect }

    // MARK: Events

    /// A batch, in answer to `take`.
    /// - Parameters:
    ///   - isConnected: a connection found dead before a byte is sent leaves no doubt about the batch.
    ///   - now: monotonic milliseconds.
    mutating func taken(
        _ batch: PublishBatch, _ origins: [AppendOrigin], isConnected: Bool, now: Int64
    ) -> Action {
        precondition(state == .idle && !batch.appends.isEmpty && batch.appends.count == origins.count)
        state = .fresh
        content = batch
        self.origins = origins
        self.isConnected = isConnected
        startedAt = now
        careCount = 0
        backoff = Self.backoffMillisecondsMin
        return attempt()
    }

    /// - Parameter now: monotonic milliseconds.
    mutating func connected(now: Int64) -> Decision {
        isConnected = true
        var decision = Decision(action: attempt())
        // With a batch, the database is back when that has its answer.
        if state == .idle { comeBack(now, &decision) }
        return decision
    }

    /// The bytes of `confab_publish` are on their way.
    func sent() -> Action {
        precondition(state == .sent)
        return .awaitAnswer
    }

    mutating func paused() -> Action { attempt() }

    /// - Parameter seqs: of each append, in the order of `content`.
    mutating func committed(seqs: [Int64], now: Int64) -> Decision {
        precondition(state == .sent)
        return finished(
            seqs.indices.map { .committed(seq: seqs[$0], id: content.appends[$0].id) }, now: now)
    }

    /// - Parameter results: what `confab_publish_careful` did with each append, in the order of `content`.
    mutating func sorted(_ results: [PublishBatch.CarefulResult], now: Int64) -> Decision {
        precondition(state == .careful)
        return finished(zip(content.appends, results).map { outcome(of: $0, $1) }, now: now)
    }

    /// Connecting, sending or waiting for the answer failed.
    /// - Parameters:
    ///   - now: monotonic milliseconds.
    ///   - isClosing: no more appends come; the database is not waited for.
    mutating func failed(_ failure: DatabaseError, now: Int64, isClosing: Bool) -> Decision {
        if let action = care(about: failure, isClosing) { return Decision(action: action) }
        var decision = Decision(action: .take)
        let hasAnswered = isConnected
        isConnected = false
        switch failure {
        case .refused(let code, _, let message):
            decision.effects.append(.report("log writer: the database refuses a batch: \(code) \(message)"))
            if state != .idle, !isUnknown {
                // One entry may be at fault for all: alone they show which.
                if hasAnswered, content.appends.count > 1 {
                    decision.effects.append(.takeApart(content, origins))
                    forgetBatch()
                } else {
                    tellUnavailable(isOver: true, &decision)
                }
                // Whoever refuses a batch is there.
                if hasAnswered { comeBack(now, &decision) }
            }
        case .unavailable: if state == .sent || state == .careful { doubt(&decision) }
        }
        // Nobody needs a connection now.
        if state == .idle, awaySince == nil { return decision }
        noteAbsence(failure, now, &decision)
        if isClosing {
            // Nothing is waited for.
            tellUnavailable(isOver: true, &decision)
            decision.effects.append(.dropQueued)
        } else {
            decision.action = pause()
        }
        return decision
    }

    // MARK: Attempts

    private mutating func attempt() -> Action {
        guard isConnected else { return .connect }
        switch state {
        case .idle: return .take
        case .fresh where content.isAnnotated || content.isAttaching:
            state = .careful
            return .sendCarefully
        case .fresh:
            // From here on its bytes may have left.
            state = .sent
            return .send
        case .sent: preconditionFailure("what was sent has an answer, or failed")
        case .careful: return .sendCarefully
        }
    }

    private mutating func pause() -> Action {
        defer { backoff = min(backoff * 2, Self.backoffMillisecondsMax) }
        return .pause(milliseconds: backoff)
    }

    // MARK: Trouble

    /// The careful way is the answer to some failures; if it fails like that too, not at once again, nor for ever. Nil: care is no answer.
    private mutating func care(about failure: DatabaseError, _ isClosing: Bool) -> Action? {
        guard failure.asksForCare, state == .sent || state == .careful else { return nil }
        careCount += 1
        guard careCount <= (isClosing ? 1 : Self.carefulAttemptsMax) else { return nil }
        state = .careful
        return careCount == 1 ? .sendCarefully : pause()
    }

    private mutating func doubt(_ decision: inout Decision) {
        if !isUnknown {
            decision.effects.append(.report("log writer: \(content.appends.count) entries in an unknown state"))
        }
        state = .careful
        isUnknown = true
    }

    /// When the database has been away for too long, who waits is told, and who comes is refused. A batch whose fate is unknown stays.
    private mutating func noteAbsence(_ failure: DatabaseError, _ now: Int64, _ decision: inout Decision) {
        // One that hangs has been away since it was asked.
        let since = awaySince ?? (state == .idle ? now : startedAt)
        if awaySince == nil {
            awaySince = since
            decision.effects += [.noteAbsence(true), .report("log writer: the database is away: \(failure)")]
        }
        guard now - since >= unavailableAfterMilliseconds else { return }
        decision.effects.append(.refuseAppends(true))
        tellUnavailable(isOver: !isUnknown, &decision)
        decision.effects.append(.dropQueued)
    }

    /// Tells the batch's origins, unless they were told.
    /// - Parameter isOver: it is certainly not in the log, or can't be waited for any longer.
    private mutating func tellUnavailable(isOver: Bool, _ decision: inout Decision) {
        guard state != .idle, isOver || !origins.isEmpty else { return }
        let outcomes = origins.map { _ in AppendOutcome.unavailable }
        let released = isOver ? AppendBudget.Share(content.appends) : AppendBudget.Share()
        decision.effects.append(.deliver(BatchResult(outcomes: outcomes, origins: origins, released: released)))
        origins = []
        if isOver { forgetBatch() }
    }

    private mutating func forgetBatch() {
        state = .idle
        content = PublishBatch([])
        origins = []
        isUnknown = false
    }

    private mutating func comeBack(_ now: Int64, _ decision: inout Decision) {
        guard let since = awaySince else { return }
        awaySince = nil
        decision.effects += [
            .noteAbsence(false), .refuseAppends(false),
            .report("log writer: the database is back after \(now - since) ms"),
        ]
    }

    // MARK: Results

    private func outcome(of append: Append, _ result: PublishBatch.CarefulResult) -> AppendOutcome {
        switch result.state {
        case .appended: .committed(seq: result.seq, id: result.id)
        // An attempt had been committed whose answer was lost, to us or to a hub before this one: maybe nobody was told yet.
        case .same where result.id == append.id: .committed(seq: result.seq, id: result.id)
        case .same: .repeated(seq: result.seq, id: result.id)
        case .other: .clientRefReused
        case .topicMissing: .topicGone
        case .noSuchMessage: .flawed(.noSuchMessage)
        case .notTheAuthor: .flawed(.notTheAuthor)
        case .tooOld: .flawed(.tooOld)
        case .attachmentMissing: .attachmentMissing
        }
    }

    private mutating func finished(_ outcomes: [AppendOutcome], now: Int64) -> Decision {
        precondition(outcomes.count == content.appends.count)
        var result = BatchResult(released: AppendBudget.Share(content.appends))
        result.entries.reserveCapacity(outcomes.count)
        for index in content.indexesByTopic {
            guard case .committed(let seq, _) = outcomes[index] else { continue }
            result.entries.append(LogEntry(content.appends[index], seq: seq))
        }
        if !origins.isEmpty {
            result.outcomes = outcomes
            result.origins = origins
        }
        var decision = Decision(effects: [.deliver(result)], action: .take)
        comeBack(now, &decision)
        forgetBatch()
        return decision
    }
}

extension DatabaseError {
    /// An entry was there before, a topic is missing, or a deadlock: the careful way sorts it out.
    fileprivate var asksForCare: Bool {
        switch self {
        case .refused(let code, _, _): code == "23505" || code == "P0002" || isRetryable
        case .unavailable: false
        }
    }
}

extension LogEntry {
    init(_ append: Append, seq: Int64) {
        self.init(
            topic: append.topic, seq: seq, id: append.id, senderID: append.senderID, kind: append.kind,
            suffix: append.suffix, change: append.change)
    }
}
