/// The options byte of a SUBSCRIBE entry (MQTT 5 §3.8.3.1); 3.1 and 3.1.1 know only the QoS.
package struct SubscriptionOptions: Hashable, Sendable {
    package enum RetainHandling: UInt8, Sendable {
        case sendAtSubscribe = 0
        case sendIfNew = 1
        case doNotSend = 2
    }

    package var qos: QoS
    package var noLocal: Bool
    package var retainAsPublished: Bool
    package var retainHandling: RetainHandling

    package init(
        qos: QoS, noLocal: Bool = false, retainAsPublished: Bool = false,
        retainHandling: RetainHandling = .sendAtSubscribe
    ) {
        self.qos = qos
        self.noLocal = noLocal
        self.retainAsPublished = retainAsPublished
        self.retainHandling = retainHandling
    }

    package var rawValue: UInt8 {
        qos.rawValue | (noLocal ? 4 : 0) | (retainAsPublished ? 8 : 0) | retainHandling.rawValue << 4
    }

    init(decoding byte: UInt8, version: ProtocolVersion) throws(ProtocolError) {
        // 3.1 leaves the upper bits unused; 3.1.1 reserves them [MQTT-3.8.3-4]; 5 uses four of the six.
        let byte = version == .v3_1 ? byte & 3 : byte
        if byte & (version == .v5 ? 0xC0 : 0xFC) != 0 { throw .malformed("reserved subscription option bits are set") }
        guard let qos = QoS(rawValue: byte & 3) else {
            throw version == .v5 ? .violation("subscription QoS is 3") : .malformed("subscription QoS is 3")
        }
        guard let retainHandling = RetainHandling(rawValue: byte >> 4 & 3) else {
            throw .violation("retain handling is 3")
        }
        self.init(
            qos: qos, noLocal: byte & 4 != 0, retainAsPublished: byte & 8 != 0, retainHandling: retainHandling)
    }
}
