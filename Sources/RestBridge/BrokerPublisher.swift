import Broker
import Persistence

/// REST publishes through the broker's own admission.
package struct BrokerPublisher: MessagePublisher {
    private let publisher: LogPublisher

    package init(_ publisher: LogPublisher) { self.publisher = publisher }

    package func publish(
        senderID: Int64, topic: StoredTopic, payload: [UInt8], clientRefFallback: String?, mayDeleteOthers: Bool
    ) async -> PublishResult {
        let result = await publisher.publish(
            senderID: senderID, topic: topic, payload: payload, clientRefFallback: clientRefFallback,
            mayDeleteOthers: mayDeleteOthers)
        switch result {
        case .stored(let entry, let repeated): return .stored(entry, repeated: repeated)
        case .refused(let refusal):
            return .refused(
                problemName: refusal.name, detail: refusal.detail, field: refusal.field, status: refusal.status)
        case .overloaded: return .overloaded
        case .unavailable: return .unavailable
        }
    }
}
