import Persistence

/// What became of a message.
package enum PublishResult: Sendable {
    /// `repeated`: it had been stored before, under the same `client_ref`.
    case stored(LogEntry, repeated: Bool)
    /// `field`: the member that is wrong, if it is one.
    case refused(problemName: String, detail: String, field: (name: String, message: String)?, status: Int)
    /// The queue is full.
    case overloaded
    /// The database is away; whether the message was stored is unknown, and the same `client_ref` will tell.
    case unavailable
}

/// The one door through which messages go into logs, whoever brings them. Rights have been checked.
package protocol MessagePublisher: Sendable {
    /// - Parameters:
    ///   - payload: the JSON object `{type?, text?, …, client_ref?}`.
    ///   - clientRefFallback: the `client_ref` if the payload has none.
    ///   - mayDeleteOthers: the sender may delete what others wrote.
    func publish(
        senderID: Int64, topic: StoredTopic, payload: [UInt8], clientRefFallback: String?, mayDeleteOthers: Bool
    ) async -> PublishResult
}
