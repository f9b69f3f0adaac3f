import MQTT

/// The encoded forms of one message, made when the first subscriber needs one and copied to all others.
struct FrameSet {
    /// What the forms differ in.
    struct Form {
        /// 3.1 and 3.1.1 write a PUBLISH alike.
        var isVersion5: Bool
        var qos: QoS
        var retain: Bool

        var index: Int { (isVersion5 ? 8 : 0) | Int(qos.rawValue) << 1 | (retain ? 1 : 0) }
    }

    private static let formsCount = 16
    private(set) var frames = [[UInt8]](repeating: [], count: formsCount)
    private var packetIDOffsets = [Int](repeating: 0, count: formsCount)

    /// Begins a new message.
    mutating func reset() {
        for index in frames.indices where !frames[index].isEmpty { frames[index].removeAll(keepingCapacity: true) }
    }

    /// - Parameter forwarded: asked for only where MQTT 5 needs it.
    /// - Returns: the form's index in `frames`.
    mutating func form(
        _ form: Form, topic: Span<UInt8>, payload: Span<UInt8>, forwarded: @autoclosure () -> [UInt8],
        expirySeconds: UInt32? = nil
    ) -> Int {
        let index = form.index
        if frames[index].isEmpty {
            var properties = DeliveryProperties(forwarded: form.isVersion5 ? forwarded() : [])
            properties.messageExpirySeconds = expirySeconds
            packetIDOffsets[index] = ServerPacket.encodePublish(
                into: &frames[index], version: form.isVersion5 ? .v5 : .v3_1_1, topic: topic, payload: payload,
                qos: form.qos, retain: form.retain, properties: properties)
        }
        return index
    }

    func packetIDOffset(_ index: Int) -> Int { packetIDOffsets[index] }
}
