import MQTT

/// Whether a client that the server has sent away comes back by itself.
enum RetryPolicy {
    /// - Parameter wasUnauthorized: the attempt before this one was refused for its token too, so another token does not help.
    static func retries(_ reason: ReasonCode, isConnack: Bool, wasUnauthorized: Bool) -> Bool {
        switch reason {
        // Each would send the other away again.
        case .sessionTakenOver: false
        // A token may just have expired; the next one is asked for.
        case .notAuthorized: !(isConnack && wasUnauthorized)
        // The same client would be refused for the same again.
        case .malformedPacket, .protocolError, .unsupportedProtocolVersion, .clientIdentifierNotValid,
            .badUserNameOrPassword, .banned, .badAuthenticationMethod, .topicNameInvalid, .topicFilterInvalid,
            .receiveMaximumExceeded, .topicAliasInvalid, .packetTooLarge, .payloadFormatInvalid,
            .retainNotSupported, .qosNotSupported, .useAnotherServer, .serverMoved,
            .sharedSubscriptionsNotSupported, .subscriptionIdentifiersNotSupported,
            .wildcardSubscriptionsNotSupported:
            false
        // Not meant for a client that is sent away, but said: the server's business, which may change.
        case .success, .grantedQoS1, .grantedQoS2, .disconnectWithWillMessage, .noMatchingSubscribers,
            .noSubscriptionExisted, .continueAuthentication, .reauthenticate, .packetIdentifierInUse,
            .packetIdentifierNotFound:
            true
        case .unspecifiedError, .implementationSpecificError, .serverUnavailable, .serverBusy, .serverShuttingDown,
            .keepAliveTimeout, .messageRateTooHigh, .quotaExceeded, .administrativeAction, .connectionRateExceeded,
            .maximumConnectTime:
            true
        }
    }
}
