import MQTT
import Testing

@testable import Client

/// What the server sends is acknowledged when the program has handled it, and not before.
@Suite struct InboxTests {
    @Test func acknowledgedWhenHandledInTheOrderOfArrival() throws {
        var peer = SessionPeer()
        _ = try peer.connect()
        try peer.deliver("a", id: 1)
        try peer.deliver("b", qos: .exactlyOnce, id: 2)
        try peer.deliver("c", id: 3)
        let messages = peer.take()
        #expect(messages.map(\.text) == ["a", "b", "c"])
        #expect(try peer.sent() == [])
        peer.session.handled(messages[1].token)
        #expect(try peer.sent() == [], "b waits for a")
        peer.session.handled(messages[0].token)
        #expect(try peer.sent() == ["PUBACK 1", "PUBREC 2"])
        peer.session.handled(messages[0].token)
        peer.session.handled(messages[2].token)
        #expect(try peer.sent() == ["PUBACK 3"], "once each")
    }

    @Test func qos2IsReleased() throws {
        var peer = SessionPeer()
        _ = try peer.connect()
        try peer.deliver("a", qos: .exactlyOnce, id: 7)
        peer.session.handled(peer.take()[0].token)
        try peer.deliver("a", qos: .exactlyOnce, id: 7, dup: true)
        try peer.answer(.pubrel, 7)
        try peer.answer(.pubrel, 7)
        #expect(try peer.sent() == ["PUBREC 7", "PUBREC 7", "PUBCOMP 7", "PUBCOMP 7 packetIdentifierNotFound"])
        #expect(peer.take().isEmpty)
        try peer.deliver("b", qos: .exactlyOnce, id: 7)
        #expect(peer.take().map(\.text) == ["b"], "the identifier is free again")
    }

    /// The server sends again what was not acknowledged: what the program has not taken must not come twice.
    @Test func aResumedSessionReplacesWhatNobodyHasTaken() throws {
        var peer = SessionPeer()
        _ = try peer.connect()
        for (id, text) in ["a", "b", "c"].enumerated() { try peer.deliver(text, id: UInt16(id + 1)) }
        let first = try peer.takeOne()
        peer.session.connectionLost()
        #expect(peer.take().isEmpty, "b and c are in doubt")
        peer.session.handled(first.token)
        #expect(try peer.connect(sessionPresent: true) == [], "the acknowledgement of a lost connection is void")
        for (id, text) in ["a", "b", "c"].enumerated() { try peer.deliver(text, id: UInt16(id + 1), dup: true) }
        let again = peer.take()
        #expect(again.map(\.text) == ["a", "b", "c"])
        for message in again { peer.session.handled(message.token) }
        #expect(try peer.sent() == ["PUBACK 1", "PUBACK 2", "PUBACK 3"])
    }

    @Test func aLostSessionLeavesWhatNobodyHasTaken() throws {
        var peer = SessionPeer()
        _ = try peer.connect()
        try peer.deliver("a", id: 1)
        try peer.deliver("b", qos: .exactlyOnce, id: 2)
        try peer.deliver("c", id: 3)
        let first = try peer.takeOne()
        peer.session.connectionLost()
        _ = try peer.connect(sessionPresent: false)
        try peer.deliver("d", qos: .exactlyOnce, id: 2)
        let rest = peer.take()
        #expect(rest.map(\.text) == ["c", "b", "d"], "QoS 1 that was in doubt comes first")
        for message in [first] + rest { peer.session.handled(message.token) }
        #expect(try peer.sent() == ["PUBREC 2"], "the new server session owes only d")
    }

    /// Exactly once: the program gets it once, and the connection that is there then gets its answer.
    @Test(arguments: [true, false]) func qos2ComesOnce(isHandledWhileAway: Bool) throws {
        var peer = SessionPeer()
        _ = try peer.connect()
        try peer.deliver("a", qos: .exactlyOnce, id: 1)
        let message = try peer.takeOne()
        peer.session.connectionLost()
        if isHandledWhileAway { peer.session.handled(message.token) }
        #expect(try peer.connect(sessionPresent: true) == [])
        try peer.deliver("a", qos: .exactlyOnce, id: 1, dup: true)
        if !isHandledWhileAway { peer.session.handled(message.token) }
        #expect(try peer.sent() == ["PUBREC 1"])
        #expect(peer.take().isEmpty)
    }

    @Test func whatIsPutBackIsNext() throws {
        var peer = SessionPeer()
        _ = try peer.connect()
        for (id, text) in ["a", "b"].enumerated() { try peer.deliver(text, id: UInt16(id + 1)) }
        let first = try peer.takeOne()
        peer.session.putBack(first.token)
        let again = peer.take()
        #expect(again.map(\.text) == ["a", "b"])
        for message in again { peer.session.handled(message.token) }
        #expect(try peer.sent() == ["PUBACK 1", "PUBACK 2"])
    }

    /// Left by the program after the server has begun to send it again.
    @Test func whatIsPutBackLateIsNotThereTwice() throws {
        var peer = SessionPeer()
        _ = try peer.connect()
        try peer.deliver("a", id: 1)
        let first = try peer.takeOne()
        peer.session.connectionLost()
        _ = try peer.connect(sessionPresent: true)
        try peer.deliver("a", id: 1, dup: true)
        peer.session.putBack(first.token)
        #expect(peer.take().map(\.text) == ["a"])
    }

    @Test func theServerKeepsToTheReceiveMaximum() throws {
        var peer = SessionPeer(receiveMaximum: 2)
        _ = try peer.connect()
        for id: UInt16 in 1...2 { try peer.deliver("x", id: id) }
        #expect(throws: ProtocolError.self) { try peer.deliver("x", id: 3) }
    }

    @Test func aTopicAliasIsRefused() throws {
        var peer = SessionPeer()
        _ = try peer.connect()
        #expect(throws: ProtocolError.self) { try peer.deliver("x", id: 1, alias: 1) }
    }

    /// QoS 0 can't be held back: it is bounded by dropping.
    @Test func qos0BeyondTheBoundIsDropped() throws {
        var peer = SessionPeer()
        _ = try peer.connect()
        for number in 0..<Inbox.unacknowledgedMax + 5 { try peer.deliver("\(number)", qos: .atMostOnce) }
        #expect(peer.session.inbox.droppedCount == 5)
        #expect(peer.take().count == Inbox.unacknowledgedMax)
        let large = String(repeating: "x", count: Inbox.unacknowledgedBytesMax / 2)
        for _ in 0..<3 { try peer.deliver(large, qos: .atMostOnce) }
        #expect(peer.take().count == 2)
    }
}
