import MQTT

/// A name and a value that travel beside a payload.
public struct UserProperty: Sendable, Hashable {
    /// Not unique in a packet.
    public var name: String
    /// As it was sent.
    public var value: String

    /// - Parameters: both at most 65,535 bytes of UTF-8, without NUL.
    public init(_ name: String, _ value: String) {
        self.name = name
        self.value = value
    }

    init(_ property: MQTT.UserProperty) {
        self.init(String(decoding: property.name, as: UTF8.self), String(decoding: property.value, as: UTF8.self))
    }
}

extension Array where Element == UserProperty {
    /// The value of the first property of that name.
    public subscript(_ name: String) -> String? { first { $0.name == name }?.value }
}

/// A message that a subscription has brought.
public struct MQTTMessage: Sendable {
    /// Where it was published.
    public let topic: String
    /// What was published; on conversations, groups and inboxes an envelope in JSON.
    public let payload: [UInt8]
    /// At which it was delivered.
    public let qos: QoS
    /// It was there before the subscription (RETAIN).
    public let isRetained: Bool
    /// The server has sent it before, maybe on another connection (DUP).
    public let isRepeated: Bool
    /// What the publisher says that the payload is, such as `application/json`.
    public let contentType: String?
    /// Where the publisher wants an answer.
    public let responseTopic: String?
    /// What belongs into that answer.
    public let correlationData: [UInt8]?
    /// In their order.
    public let userProperties: [UserProperty]
    /// Names the message in the client's `Inbox`.
    let token: UInt64

    /// The payload as text; what is not UTF-8 in it is replaced by U+FFFD.
    public var text: String { String(decoding: payload, as: UTF8.self) }

    /// Its number in the log of a conversation, group or inbox; nil on plain topics.
    public var seq: Int64? { userProperties["seq"].flatMap { Int64($0) } }

    init(_ publish: Publish, in bytes: Span<UInt8>, token: UInt64) throws(ProtocolError) {
        let properties = try PublishProperties.decode(publish.properties, in: bytes)
        topic = String(decoding: [UInt8](copying: bytes, publish.topic), as: UTF8.self)
        payload = [UInt8](copying: bytes, publish.payload)
        qos = publish.qos
        isRetained = publish.retain
        isRepeated = publish.dup
        contentType = properties.contentType.map { String(decoding: $0, as: UTF8.self) }
        responseTopic = properties.responseTopic.map { String(decoding: $0, as: UTF8.self) }
        correlationData = properties.correlationData
        userProperties = properties.userProperties.map { UserProperty($0) }
        self.token = token
    }
}

/// What the server says of a publish that it has taken.
public struct PublishAcknowledgement: Sendable, Equatable {
    /// Success, or `noMatchingSubscribers`.
    public var reason: ReasonCode
    /// In their order.
    public var userProperties: [UserProperty] = []

    /// The entry's number in the log of its topic; nil on plain topics and at QoS 0.
    public var seq: Int64? { userProperties["seq"].flatMap { Int64($0) } }
    /// The entry's id; nil on plain topics and at QoS 0.
    public var id: String? { userProperties["id"] }
}

/// What the server says of a subscription that it has granted.
public struct SubscribeAcknowledgement: Sendable, Equatable {
    /// The highest at which messages come: what was asked for, or less.
    public var qos: QoS
    /// In their order.
    public var userProperties: [UserProperty] = []

    /// By topic, the last entry of its log when the subscription began; only of topics that the filter named without wildcards.
    public var lastSeq: [String: Int64] {
        var result: [String: Int64] = [:]
        for property in userProperties where property.name == "last_seq" {
            guard let separator = property.value.lastIndex(of: "=") else { continue }
            result[String(property.value[..<separator])] = Int64(property.value[separator...].dropFirst())
        }
        return result
    }
}
