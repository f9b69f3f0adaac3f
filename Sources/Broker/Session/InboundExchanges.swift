/// QoS 2 publishes of a client from PUBLISH to PUBREL (MQTT 5 §4.3.3): while an exchange stands, the same packet identifier is the same
/// message, however often it comes.
struct InboundExchanges: Equatable {
    /// Legal exits: `publishing` → `arrived`, gone; `restored` → `publishing`, gone; `arrived` → gone.
    enum State {
        /// PUBREC is not sent yet.
        case publishing
        /// From before the last connection ended; whether the message was published then is not known.
        case restored
        /// PUBREC is sent; PUBREL is to come.
        case arrived
    }

    struct Exchange: Equatable {
        var state: State
        /// The id under which the message is published, each time alike: so the log stores it once.
        var entryID: Int64
        /// It has gone to those who get it live: a further attempt only makes sure that it is kept.
        var isPublished = false
    }

    private(set) var byPacketID: [UInt16: Exchange] = [:]
    /// Exchanges in state `arrived`.
    private(set) var arrivedCount = 0

    var isEmpty: Bool { byPacketID.isEmpty }

    func state(of packetID: UInt16) -> State? { byPacketID[packetID]?.state }

    func entryID(of packetID: UInt16) -> Int64? { byPacketID[packetID]?.entryID }

    /// A PUBLISH came that is to be published now.
    /// - Parameter newID: for a message that was not there before.
    mutating func publish(_ packetID: UInt16, newID: @autoclosure () -> Int64) {
        precondition(state(of: packetID) == nil || state(of: packetID) == .restored)
        if byPacketID[packetID] == nil {
            byPacketID[packetID] = Exchange(state: .publishing, entryID: newID())
        } else {
            byPacketID[packetID]?.state = .publishing
        }
    }

    mutating func restore(_ packetID: UInt16, entryID: Int64, isPublished: Bool) {
        byPacketID[packetID] = Exchange(state: .restored, entryID: entryID, isPublished: isPublished)
    }

    /// Whether it has gone to those who get it live.
    func isPublished(_ packetID: UInt16) -> Bool {
        guard let exchange = byPacketID[packetID] else {
            preconditionFailure("an exchange stands before it is published")
        }
        return exchange.isPublished
    }

    /// It is kept where it has to be, and goes to those who get it live now.
    mutating func notePublished(_ packetID: UInt16) { byPacketID[packetID]?.isPublished = true }

    /// PUBREC is sent: with a success code the exchange stands until PUBREL, with an error it is over.
    mutating func answer(_ packetID: UInt16, isRefused: Bool) {
        guard byPacketID[packetID]?.state == .publishing else { return }
        if isRefused {
            byPacketID[packetID] = nil
        } else {
            byPacketID[packetID]?.state = .arrived
            arrivedCount += 1
        }
    }

    /// PUBREL. False: there is no exchange under that identifier that it could end.
    mutating func release(_ packetID: UInt16) -> Bool {
        switch byPacketID[packetID]?.state {
        case nil, .publishing: return false
        case .arrived: arrivedCount -= 1
        case .restored: break
        }
        byPacketID[packetID] = nil
        return true
    }
}
