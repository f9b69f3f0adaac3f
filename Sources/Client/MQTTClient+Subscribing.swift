import MQTT

extension MQTTClient {
    /// Subscribes, and returns when the server has granted it. Messages come out of `messages`. The client subscribes anew by itself when the
    /// server has lost the session; to what the session is subscribed to already, subscribing again changes nothing.
    /// - Parameters:
    ///   - filter: a topic, or with wildcards: `group/+` covers all groups that the user is in, now and later.
    ///   - qos: the highest at which messages come. At QoS 0 what comes while much waits for the program is lost.
    ///   - noLocal: not what this client publishes itself.
    ///   - after: by topic, the `seq` after which entries of its log are wanted, also those that were there before; else what is new.
    /// - Throws: `MQTTError.refused`; `closed`; `invalid`; `CancellationError`.
    @discardableResult
    public func subscribe(
        to filter: String, qos: QoS = .atLeastOnce, noLocal: Bool = false, after: [String: Int64] = [:]
    ) async throws -> SubscribeAcknowledgement {
        try Self.checkedTopic(filter, "a filter")
        for topic in after.keys { try Self.checkedTopic(topic + "=9223372036854775807", "a topic of `after`") }
        guard !noLocal || !filter.hasPrefix("$share/") else {
            throw MQTTError.invalid("noLocal does not go with a shared subscription")
        }
        let options = SubscriptionOptions(qos: qos, noLocal: noLocal)
        return try await call { driver, call, continuation, _ in
            if let error = driver.endError {
                continuation.resume(throwing: error)
                return
            }
            driver.subscribes.insert(call.id, continuation)
            driver.session.change(
                Subscriptions.Request(
                    id: call.id, change: .subscribe(filter: filter, options: options, after: after)))
        } cancelled: { driver, id, _ in
            if driver.subscribes.cancel(id) { driver.session.cancel(id) }
        }
    }

    /// Ends a subscription, and returns when the server has done so; also if there was none.
    /// - Throws: as `subscribe`.
    public func unsubscribe(from filter: String) async throws {
        try Self.checkedTopic(filter, "a filter")
        let _: Void = try await call { driver, call, continuation, _ in
            if let error = driver.endError {
                continuation.resume(throwing: error)
                return
            }
            driver.unsubscribes.insert(call.id, continuation)
            driver.session.change(Subscriptions.Request(id: call.id, change: .unsubscribe(filter: filter)))
        } cancelled: { driver, id, _ in
            if driver.unsubscribes.cancel(id) { driver.session.cancel(id) }
        }
    }

    /// What the subscriptions bring. Several loops may run at once; each message goes to one of them.
    public var messages: MQTTMessages { MQTTMessages(client: self) }

    /// Says that the program is done with a message, before its loop asks for the next one or leaves.
    public func acknowledge(_ message: MQTTMessage) {
        tell { $0.session.handled(message.token) }
    }
}

/// The messages of a client, in the order in which they came. It ends with `disconnect`, and throws what ended the client otherwise.
///
/// A message counts as handled when the loop asks for the next one: then it is acknowledged. If the loop is left before, the server keeps
/// the message and it comes again, in the next loop or the next run of the program. So nothing is lost, and a program that is
/// killed may get its last message twice. Until a message is handled, at most `Configuration.receiveMaximum` come after it.
public struct MQTTMessages: AsyncSequence, Sendable {
    /// What a loop gets.
    public typealias Element = MQTTMessage

    let client: MQTTClient

    /// For one loop.
    public func makeAsyncIterator() -> Iterator { Iterator(client) }
}
