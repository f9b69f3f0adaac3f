import JSON
import Topics

/// `refused` on the inbox: tells a publisher of MQTT 3.1.1, whose PUBACK can't say no, what was dropped and why (protocol.md §2).
struct RefusedEvent {
    /// What was published. It is kept for each publish under way, so the name of a stored topic is made only when it is needed.
    struct Subject {
        enum Topic {
            case stored(TopicAddress)
            case named([UInt8])

            var name: String {
                switch self {
                case .stored(let address): address.name
                case .named(let bytes): String(decoding: bytes, as: UTF8.self)
                }
            }
        }

        var topic: Topic
        var clientRef: [UInt8]?
    }

    /// `{"type":"refused","body":{"topic":…,"client_ref":…,"problem":…}}`
    private(set) var json: [UInt8]

    init(_ subject: Subject, problem: String) {
        var writer = JSONWriter()
        writer.beginObject()
        writer.name("type")
        writer.string("refused")
        writer.name("body")
        writer.beginObject()
        writer.name("topic")
        writer.string(subject.topic.name)
        if let clientRef = subject.clientRef {
            writer.name("client_ref")
            writer.string(String(decoding: clientRef, as: UTF8.self))
        }
        writer.name("problem")
        writer.string(problem)
        writer.endObject()
        writer.endObject()
        json = writer.bytes
    }

    /// The `client_ref` of a payload that may be anything.
    static func clientRef(in payload: Span<UInt8>) -> [UInt8]? {
        guard let member = try? scanObject(payload).first(where: { $0.name == "client_ref" && $0.kind == .string })
        else {
            return nil
        }
        return decodeString(payload, member.range)
    }
}
