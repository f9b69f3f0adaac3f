import Persistence

/// Publishes for callers that are no MQTT session: the same admission, the same log. Rights have been checked.
package struct LogPublisher: Sendable {
    package enum Result: Sendable {
        case stored(LogEntry, repeated: Bool)
        case refused(Refusal)
        case overloaded
        /// Whether it was stored is unknown; the same `client_ref` will tell.
        case unavailable
    }

    private let log: any MessageLog
    private let ids: IDGenerator

    package init(log: any MessageLog, ids: IDGenerator) {
        self.log = log
        self.ids = ids
    }

    /// - Parameters:
    ///   - payload: the JSON object that a client publishes.
    ///   - clientRefFallback: its `client_ref` if the object has none.
    ///   - mayDeleteOthers: the sender may delete what others wrote.
    package func publish(
        senderID: Int64, topic: StoredTopic, payload: [UInt8], clientRefFallback: String?, mayDeleteOthers: Bool
    ) async -> Result {
        let admission: MessageAdmission
        do throws(Refusal) {
            admission = try MessageAdmission(
                payload: payload.span, isText: false, clientRef: clientRefFallback.map { Array($0.utf8) })
        } catch {
            return .refused(error)
        }
        return await publish(
            admission, entryID: ids.next(), senderID: senderID, topic: topic, mayDeleteOthers: mayDeleteOthers)
    }

    /// - Parameter entryID: at a second attempt, that of the first.
    func publish(
        _ admission: MessageAdmission, entryID: Int64, senderID: Int64, topic: StoredTopic, mayDeleteOthers: Bool
    ) async -> Result {
        if let replyTo = admission.replyTo {
            guard let found = try? await log.read(topic, after: replyTo - 1, limit: 1) else { return .unavailable }
            if found.first?.seq != replyTo { return .refused(.notFound) }
        }
        let append = admission.append(
            to: topic, id: entryID, senderID: senderID, mayDeleteOthers: mayDeleteOthers)
        var isQueued = true
        let outcome = await withCheckedContinuation { continuation in
            isQueued = log.append(append, origin: .task(continuation))
            if !isQueued { continuation.resume(returning: .unavailable) }
        }
        return isQueued ? result(of: append, outcome) : .overloaded
    }

    private func result(of append: Append, _ outcome: AppendOutcome) -> Result {
        switch outcome {
        case .committed(let seq, let id): .stored(entry(append, seq, id), repeated: false)
        case .repeated(let seq, let id): .stored(entry(append, seq, id), repeated: true)
        case .clientRefReused: .refused(.clientRefReused)
        case .topicGone: .refused(.notAMember)
        case .flawed(let flaw): .refused(Refusal(flaw))
        case .attachmentMissing: .refused(.notFound)
        case .unavailable: .unavailable
        }
    }

    private func entry(_ append: Append, _ seq: Int64, _ id: Int64) -> LogEntry {
        LogEntry(
            topic: append.topic, seq: seq, id: id, senderID: append.senderID, kind: append.kind, suffix: append.suffix)
    }
}
