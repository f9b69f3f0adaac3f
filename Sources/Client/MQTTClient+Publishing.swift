import MQTT

extension MQTTClient {
    /// Publishes, and returns when the server has taken the message: at QoS 1 and 2 with its acknowledgement, at QoS 0 when the socket has
    /// room for it.
    ///
    /// At QoS 1 and 2 the call waits through lost connections, and sends again what has no answer. On conversations and groups of Confab give a
    /// `clientRef`: then the hub stores the message once however often it is sent, by this run of the program or a later one. A call that is
    /// cancelled may have published.
    /// - Parameters:
    ///   - topic: without wildcards.
    ///   - clientRef: 1 to 64 visible ASCII characters, sent as the user property `client_ref`. Not together with one in the payload that
    ///     differs.
    ///   - expirySeconds: after which the server throws it away undelivered; nil: never.
    /// - Throws: `MQTTError.refused` if the server says no; `notConnected` at QoS 0; `sessionLost` at QoS 2 without `clientRef`; `closed`;
    ///   `invalid`; `CancellationError`.
    @discardableResult
    public func publish(
        _ payload: [UInt8], to topic: String, qos: QoS = .atLeastOnce, retain: Bool = false, clientRef: String? = nil,
        contentType: String? = nil, expirySeconds: UInt32? = nil, userProperties: [UserProperty] = []
    ) async throws -> PublishAcknowledgement {
        var properties: [UInt8] = []
        if let contentType {
            try Self.checkLength(contentType, of: "a content type")
            properties.appendProperty(.contentType, text: contentType)
        }
        for property in userProperties + (try Self.reference(clientRef)) {
            try Self.checkLength(property.name, of: "a property's name")
            try Self.checkLength(property.value, of: "a property's value")
            properties.appendUserProperty(property.name, property.value)
        }
        var delivery = DeliveryProperties(forwarded: properties)
        delivery.messageExpirySeconds = expirySeconds
        let name = try Self.topicName(topic)
        let count = ServerPacket.publishCount(
            version: .v5, topicCount: name.count, payloadCount: 0, qos: qos, properties: delivery)
        guard payload.count <= VariableInteger.max - count else { throw MQTTError.invalid("a packet above 256 MiB") }
        var frame: [UInt8] = []
        let offset = ServerPacket.encodePublish(
            into: &frame, version: .v5, topic: name, payload: payload, qos: qos, retain: retain, properties: delivery)
        return try await publish(frame, qos, packetIDOffset: offset, hasReference: clientRef != nil)
    }

    /// The same with a text as payload: on conversations and groups, a message.
    @discardableResult
    public func publish(
        _ text: String, to topic: String, qos: QoS = .atLeastOnce, retain: Bool = false, clientRef: String? = nil,
        contentType: String? = nil, expirySeconds: UInt32? = nil, userProperties: [UserProperty] = []
    ) async throws -> PublishAcknowledgement {
        try await publish(
            Array(text.utf8), to: topic, qos: qos, retain: retain, clientRef: clientRef, contentType: contentType,
            expirySeconds: expirySeconds, userProperties: userProperties)
    }

    private func publish(
        _ frame: [UInt8], _ qos: QoS, packetIDOffset: Int, hasReference: Bool
    ) async throws -> PublishAcknowledgement {
        try await call { driver, call, continuation, io in
            if let error = driver.endError {
                continuation.resume(throwing: error)
            } else if qos == .atMostOnce {
                if let error = driver.session.publishOnce(frame) {
                    continuation.resume(throwing: error)
                    return
                }
                driver.flush(&io)
                driver.flushes.insert(call.id, continuation)
                if driver.connection.map({ !io.isCongested($0.slot) }) ?? true { driver.drained() }
            } else {
                driver.publishes.insert(call.id, continuation)
                driver.session.publish(
                    Outbox.Publish(
                        request: call.id, frame: frame, packetIDOffset: packetIDOffset, qos: qos,
                        hasReference: hasReference))
            }
        } cancelled: { driver, id, _ in
            if driver.publishes.cancel(id) { driver.session.cancel(id) }
            _ = driver.flushes.cancel(id)
        }
    }

    // MARK: What MQTT can express

    private static func reference(_ clientRef: String?) throws(MQTTError) -> [UserProperty] {
        guard let clientRef else { return [] }
        guard (1...64).contains(clientRef.utf8.count), clientRef.utf8.allSatisfy({ (0x21...0x7E).contains($0) }) else {
            throw .invalid("a clientRef is 1 to 64 visible ASCII characters")
        }
        return [UserProperty("client_ref", clientRef)]
    }

    private static func topicName(_ topic: String) throws(MQTTError) -> [UInt8] {
        let name = try checkedTopic(topic, "a topic")
        guard !name.contains(UInt8(ascii: "+")), !name.contains(UInt8(ascii: "#")) else {
            throw .invalid("a topic to publish to has no wildcards")
        }
        return name
    }

    @discardableResult
    static func checkedTopic(_ topic: String, _ what: String) throws(MQTTError) -> [UInt8] {
        try checkLength(topic, of: what)
        guard !topic.isEmpty else { throw .invalid("\(what) is not empty") }
        return Array(topic.utf8)
    }

    private static func checkLength(_ text: String, of what: String) throws(MQTTError) {
        guard text.utf8.count <= 65_535, !text.utf8.contains(0) else {
            throw .invalid("\(what) has at most 65,535 bytes, and no NUL")
        }
    }
}
