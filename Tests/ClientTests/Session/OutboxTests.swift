import MQTT
import Testing

@testable import Client

/// A publish is sent until there is an answer, and its caller learns which.
@Suite struct OutboxTests {
    @Test func answersReachTheirCallers() throws {
        var peer = SessionPeer()
        _ = try peer.connect()
        for text in ["a", "b"] { peer.publish(text) }
        peer.publish("c", qos: .exactlyOnce)
        #expect(try peer.sent() == ["PUBLISH 1 q1 a", "PUBLISH 2 q1 b", "PUBLISH 3 q2 c"])
        var properties: [UInt8] = []
        properties.appendUserProperty("seq", "42")
        try peer.answer(.pubrec, 3, properties: properties)
        try peer.answer(.puback, 1, properties: properties)
        var name: [UInt8] = []
        name.appendProperty(.reasonString, text: "not-a-member")
        try peer.answer(.puback, 2, .notAuthorized, properties: name)
        try peer.answer(.pubcomp, 3)
        #expect(try peer.sent() == ["PUBREL 3"])
        #expect(peer.outcomes() == ["1 taken seq 42", "2 refused: 0x87 not-a-member", "3 taken seq 42"])
        #expect(peer.session.outbox.isEmpty)
    }

    @Test func strayAnswersChangeNothing() throws {
        var peer = SessionPeer()
        _ = try peer.connect()
        peer.publish("a")
        try peer.answer(.pubcomp, 1)
        try peer.answer(.pubrec, 1)
        try peer.answer(.puback, 9)
        try peer.answer(.pubrec, 9)
        #expect(
            try peer.sent() == [
                "PUBLISH 1 q1 a", "PUBREL 1 packetIdentifierNotFound", "PUBREL 9 packetIdentifierNotFound",
            ])
        #expect(peer.outcomes() == [])
        #expect(!peer.session.outbox.isEmpty)
    }

    @Test func aRefusedQoS2IsOver() throws {
        var peer = SessionPeer()
        _ = try peer.connect()
        peer.publish("a", qos: .exactlyOnce)
        try peer.answer(.pubrec, 1, .quotaExceeded)
        #expect(try peer.sent() == ["PUBLISH 1 q2 a"])
        #expect(peer.outcomes() == ["1 refused: 0x97 quotaExceeded"])
    }

    @Test func theWindowIsTheServersReceiveMaximum() throws {
        var peer = SessionPeer()
        _ = try peer.connect { $0.receiveMaximum = 2 }
        for text in ["a", "b", "c", "d"] { peer.publish(text) }
        #expect(try peer.sent() == ["PUBLISH 1 q1 a", "PUBLISH 2 q1 b"])
        try peer.answer(.puback, 2)
        try peer.answer(.puback, 1)
        #expect(try peer.sent() == ["PUBLISH 3 q1 c", "PUBLISH 4 q1 d"])
    }

    @Test func whatTheServerCannotTakeIsNotSent() throws {
        var peer = SessionPeer()
        _ = try peer.connect {
            $0.packetBytesMax = 30
            $0.maximumQoS = .atLeastOnce
        }
        peer.publish(String(repeating: "x", count: 40))
        peer.publish("a", qos: .exactlyOnce)
        peer.publish("b")
        #expect(try peer.sent() == ["PUBLISH 1 q1 b"])
        #expect(
            peer.outcomes() == ["1 refused: 0x95 48 bytes, the server takes 30", "2 refused: 0x9B qosNotSupported"])
    }

    @Test func aResumedSessionGetsItAgainInOrder() throws {
        var peer = SessionPeer()
        _ = try peer.connect()
        peer.publish("a")
        peer.publish("b", qos: .exactlyOnce)
        peer.publish("c", qos: .exactlyOnce)
        try peer.answer(.pubrec, 2)
        _ = try peer.sent()
        peer.session.connectionLost()
        peer.publish("d")
        #expect(try peer.sent() == [])
        #expect(
            try peer.connect(sessionPresent: true) == [
                "PUBLISH 1 q1 dup a", "PUBREL 2", "PUBLISH 3 q2 dup c", "PUBLISH 4 q1 d",
            ])
        try peer.answer(.pubcomp, 2, .packetIdentifierNotFound)
        #expect(peer.outcomes() == ["2 taken"])
    }

    @Test func aLostSessionGetsWhatMayBeSentAnew() throws {
        var peer = SessionPeer()
        _ = try peer.connect { $0.receiveMaximum = 4 }
        peer.publish("once or twice")
        peer.publish("once", qos: .exactlyOnce)
        peer.publish("known by its reference", qos: .exactlyOnce, hasReference: true)
        peer.publish("released", qos: .exactlyOnce)
        peer.publish("waits")
        try peer.answer(.pubrec, 4)
        _ = try peer.sent()
        peer.session.connectionLost()
        let sent = try peer.connect(sessionPresent: false)
        #expect(
            sent == ["PUBLISH 5 q1 once or twice", "PUBLISH 6 q2 known by its reference", "PUBLISH 7 q1 waits"])
        #expect(peer.outcomes() == ["2 the server has lost the session", "4 taken"])
    }

    @Test func nobodyHearsOfWhatWasCancelled() throws {
        var peer = SessionPeer()
        _ = try peer.connect { $0.receiveMaximum = 1 }
        let first = peer.publish("a")
        let second = peer.publish("b")
        peer.publish("c")
        peer.session.cancel(first)
        peer.session.cancel(second)
        try peer.answer(.puback, 1)
        try peer.answer(.puback, 2)
        #expect(try peer.sent() == ["PUBLISH 1 q1 a", "PUBLISH 2 q1 c"])
        #expect(peer.outcomes() == ["3 taken"])
    }

    @Test func qos0NeedsAConnection() throws {
        var peer = SessionPeer()
        #expect(peer.session.publishOnce([0x30, 4, 0, 1, 0x74, 0]) == .notConnected)
        _ = try peer.connect()
        #expect(peer.session.publishOnce([0x30, 4, 0, 1, 0x74, 0]) == nil)
        #expect(try peer.sent() == ["PUBLISH 0 q0 "])
    }
}
