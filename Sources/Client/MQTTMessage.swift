import MQTT

/// A name and a value that travel beside a payload.
public struct UserProperty: Sendable, Hashable {
    public var name: String
    public var value: String

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
    public let topic: String
    public let payload: [UInt8]
    public let qos: QoS
    /// It was there before the subscription (RETAIN).
    public let isRetained: Bool
    /// The server has sent it before, maybe on another connection (DUP).
    public let isRepeated: Bool
    public let contentType: String?
    public let responseTopic: String?
    public let correlationData: [UInt8]?
    public let userProperties: [UserProperty]
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
    public var userProperties: [UserProperty] = []

    /// The entry's number in the log of its topic; nil on plain topics and at QoS 0.
    public var seq: Int64? { userProperties["seq"].flatMap { Int64($0) } }
    /// The entry's id; nil on plain topics and at QoS 0.
    public var id: String? { userProperties["id"] }
}

/// What the server says of a subscription that it has granted.
public struct SubscribeAcknowledgement: Sendable, Equatable {
    public var qos: QoS
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
