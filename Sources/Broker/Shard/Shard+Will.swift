import Identity
import MQTT
import Topics
import Transport

// The last will of a client (MQTT 5 §3.1.2.5): whether it may have one. Keeping and sending it is the hub's.
extension Shard {
    /// What of a will can be told without the database; the rights in conversations are asked when they are loaded.
    func checkWill(
        _ connect: borrowing Connect, _ claims: Claims?, clientID: [UInt8]
    ) throws(ProtocolError) {
        guard let will = connect.will else { return }
        let version = connect.version
        switch classify(will.topic.span) {
        case .plain:
            guard AccessRules(claims, clientID: clientID).mayPublish(will.topic.span) else {
                throw refusal(.notAuthorized, "the will is refused: not-authorized", version)
            }
        case .stored(.group), .stored(.direct):
            guard claims != nil else { throw refusal(.notAuthorized, "the will is refused: not-authorized", version) }
            do throws(Refusal) {
                _ = try MessageAdmission(willPayload: will.payload, properties: will.forwardedProperties)
            } catch {
                throw refusal(error.code, "the will is refused: it is no message", version)
            }
        case .stored(.inbox), .stored(.filterLog), .typing, .read, .presence, .system:
            throw refusal(.notAuthorized, "the will is refused: not-authorized", version)
        case .reserved: throw refusal(.topicNameInvalid, "the will is refused: topic-invalid", version)
        }
    }

    /// Of a client that was gone before it was connected. One that was told so has no will.
    func endWill(_ will: KeptWill, of waiting: Connecting) {
        if waiting.isRefused {
            hub.discardWill(will)
        } else {
            hub.endWill(will, sessionSeconds: waiting.sessionSeconds, shard: index)
        }
    }
}
