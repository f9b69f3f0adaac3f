/// How a subscription wants its messages: the low bits of the options byte of SUBSCRIBE (MQTT 5 §3.8.3.1).
package struct DeliveryOptions: Hashable, Sendable {
    package var rawValue: UInt8

    /// Takes the options byte as it was received; retain handling concerns only the moment of the SUBSCRIBE and is
    /// dropped.
    package init(rawValue: UInt8) { self.rawValue = rawValue & 0x0F }

    package init(qos: UInt8, noLocal: Bool = false, retainAsPublished: Bool = false) {
        precondition(qos <= 2)
        rawValue = qos | (noLocal ? 4 : 0) | (retainAsPublished ? 8 : 0)
    }

    package var qos: UInt8 { rawValue & 3 }
    package var noLocal: Bool { rawValue & 4 != 0 }
    package var retainAsPublished: Bool { rawValue & 8 != 0 }
}

/// Who gets what a filter matches: 16 bytes without a reference, since a fan-out walks thousands of them.
package struct Subscription: Hashable, Sendable {
    /// The session's handle in its reactor's slab.
    package var session: Int32
    /// The subscription identifier, 0: none.
    package var identifier: UInt32
    /// 0: not shared. Of all subscriptions with the same number exactly one session is to get the message (MQTT 5
    /// §4.8.2); set by the index.
    package internal(set) var shareGroup: UInt32 = 0
    package var options: DeliveryOptions

    package init(session: Int32, options: DeliveryOptions, identifier: UInt32 = 0) {
        self.session = session
        self.options = options
        self.identifier = identifier
    }

    /// Lists are kept in this order; a list holds each key once.
    @inline(__always)
    var key: UInt64 { UInt64(UInt32(bitPattern: session)) << 32 | UInt64(shareGroup) }
}

/// A list in ascending order of key, so that the entries of one session stand together.
typealias SubscriptionList = [Subscription]

extension SubscriptionList {
    private func position(of key: UInt64) -> Int {
        // Handles mostly grow, so the place is mostly at the end.
        if let last, last.key < key { return count }
        var low = 0
        var high = count
        while low < high {
            let middle = (low + high) / 2
            if self[middle].key < key { low = middle + 1 } else { high = middle }
        }
        return low
    }

    /// True: new; false: it replaced one with the same key.
    mutating func insertOrReplace(_ subscription: Subscription) -> Bool {
        let position = position(of: subscription.key)
        if position < count, self[position].key == subscription.key {
            self[position] = subscription
            return false
        }
        insert(subscription, at: position)
        return true
    }

    mutating func remove(key: UInt64) -> Bool {
        let position = position(of: key)
        guard position < count, self[position].key == key else { return false }
        remove(at: position)
        return true
    }
}
