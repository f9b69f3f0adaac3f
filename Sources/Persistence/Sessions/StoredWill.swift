/// A client's will as it is kept from CONNECT until it is sent or of no use any more.
package struct StoredWill: Sendable, Equatable {
    /// Of this connection's will.
    package var id: Int64
    /// 0: not signed in.
    package var userID: Int64
    package var clientID: [UInt8]
    package var delaySeconds: Int64
    /// The session's expiry.
    package var sessionSeconds: Int64
    package var topic: [UInt8]
    package var payload: [UInt8]
    package var qos: UInt8
    package var retain: Bool
    /// nil: the message doesn't expire.
    package var expirySeconds: Int64?
    /// Raw MQTT 5 properties that go with it.
    package var properties: [UInt8]
    /// The `acl` claim as JSON; nil: the token has none, or there is no token.
    package var rules: [UInt8]?
    /// Of the entry that it becomes on a stored topic, the same at each attempt; nil: it was not tried yet.
    package var entryID: Int64?

    package init(
        id: Int64, userID: Int64, clientID: [UInt8], delaySeconds: Int64, sessionSeconds: Int64, topic: [UInt8],
        payload: [UInt8], qos: UInt8, retain: Bool, expirySeconds: Int64?, properties: [UInt8], rules: [UInt8]?,
        entryID: Int64? = nil
    ) {
        self.id = id
        self.userID = userID
        self.clientID = clientID
        self.delaySeconds = delaySeconds
        self.sessionSeconds = sessionSeconds
        self.topic = topic
        self.payload = payload
        self.qos = qos
        self.retain = retain
        self.expirySeconds = expirySeconds
        self.properties = properties
        self.rules = rules
        self.entryID = entryID
    }
}

/// What became of wills since the table last heard of them.
package struct WillChanges: Sendable, Equatable {
    package struct Due: Sendable, Equatable {
        package var id: Int64
        /// Unix milliseconds.
        package var at: Int64

        package init(id: Int64, at: Int64) {
            self.id = id
            self.at = at
        }
    }

    /// Their connections have ended.
    package var due: [Due]
    /// They were sent, or are not wanted any more.
    package var gone: [Int64]

    package init(due: [Due] = [], gone: [Int64] = []) {
        self.due = due
        self.gone = gone
    }

    package var isEmpty: Bool { due.isEmpty && gone.isEmpty }
}
