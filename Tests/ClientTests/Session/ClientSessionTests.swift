import MQTT
import Testing

@testable import Client

/// CONNECT, subscriptions, and time.
@Suite struct ClientSessionTests {
    private func connectPacket(_ session: inout ClientSession, _ credentials: ClientSession.Credentials) throws
        -> Connect
    {
        session.begin(credentials)
        let bytes = session.takeOutput(now: 0)
        let header = try #require(try FixedHeader.read(bytes.span, at: 0, packetBytesMax: 1 << 28))
        guard case .connect(let connect) = try ClientPacket.decode(header, in: bytes.span, at: 0, version: .v5) else {
            throw MQTTError.invalid("no CONNECT")
        }
        return connect
    }

    @Test func connectSaysWhatTheConfigurationSays() throws {
        var peer = SessionPeer(receiveMaximum: 5) {
            $0.sessionExpirySeconds = 77
            $0.keepAliveSeconds = 9
            $0.packetBytesMax = 4096
        }
        let connect = try connectPacket(&peer.session, .token("abc"))
        #expect(connect.version == .v5 && !connect.cleanStart && connect.clientID == Array("c".utf8))
        #expect(connect.receiveMaximum == 5 && connect.packetBytesMax == 4096 && connect.keepAliveSeconds == 9)
        #expect(connect.sessionExpirySeconds == 77 && connect.topicAliasMaximum == 0)
        #expect(connect.authenticationMethod == Array("JWT".utf8) && connect.authenticationData == Array("abc".utf8))
        peer.session.connectionLost()
        let other = try connectPacket(&peer.session, .password(user: "u", password: "p"))
        #expect(other.username == Array("u".utf8) && other.password == Array("p".utf8))
    }

    /// Clean start forgets what earlier runs left, never what this one has.
    @Test func onlyTheFirstConnectionIsClean() throws {
        var peer = SessionPeer { $0.cleanStart = true }
        #expect(try connectPacket(&peer.session, .none).cleanStart)
        peer.session.connectionLost()
        #expect(try connectPacket(&peer.session, .none).cleanStart, "it was never connected")
        peer.session.connectionLost()
        _ = try peer.connect()
        peer.session.connectionLost()
        #expect(try !connectPacket(&peer.session, .none).cleanStart)
    }

    @Test func packetsBeforeConnackAreRefused() throws {
        var peer = SessionPeer()
        peer.session.begin(.none)
        #expect(throws: ProtocolError.self) { try peer.deliver("x", id: 1) }
    }

    @Test func subscriptionsAreAskedForUntilThereIsAnAnswer() throws {
        var peer = SessionPeer()
        peer.subscribe("a/+")
        peer.subscribe("b")
        #expect(try peer.connect() == ["SUBSCRIBE 1 a/+", "SUBSCRIBE 2 b"])
        try suback(&peer, 1, .grantedQoS1)
        peer.session.connectionLost()
        #expect(try peer.connect(sessionPresent: true) == ["SUBSCRIBE 3 b"])
        try suback(&peer, 3, .notAuthorized)
        #expect(peer.outcomes() == ["1 subscribed", "2 refused: 0x87 notAuthorized"])
    }

    @Test func aLostSessionIsSubscribedAnewBeforeAnythingIsPublished() throws {
        var peer = SessionPeer()
        peer.subscribe("a")
        peer.subscribe("b")
        _ = try peer.connect()
        try suback(&peer, 1, .grantedQoS1)
        try suback(&peer, 2, .grantedQoS1)
        peer.session.connectionLost()
        peer.publish("x")
        #expect(try peer.connect() == ["SUBSCRIBE 3 a", "SUBSCRIBE 4 b", "PUBLISH 5 q1 x"])
        try suback(&peer, 3, .grantedQoS1)
        try suback(&peer, 4, .notAuthorized)
        #expect(peer.outcomes() == ["1 subscribed", "2 subscribed", "lost b 0x87 notAuthorized"])
    }

    private func suback(_ peer: inout SessionPeer, _ id: UInt16, _ reason: ReasonCode) throws {
        try peer.server { ServerPacket.encodeSuback(into: &$0, version: .v5, packetID: id, reasons: [reason]) }
    }

    @Test func silenceIsFoundOut() throws {
        var peer = SessionPeer { $0.keepAliveSeconds = 60 }
        _ = try peer.connect { $0.serverKeepAliveSeconds = 20 }
        peer.now = 14_999
        #expect(peer.session.tick(now: peer.now) == true)
        #expect(try peer.sent() == [])
        peer.now = 15_000
        #expect(peer.session.tick(now: peer.now) == true)
        #expect(try peer.sent() == ["PINGREQ"])
        try peer.server { ServerPacket.encodePingresp(into: &$0) }
        peer.now = 29_000
        // Sending is no sign of life of the other side.
        peer.publish("x")
        #expect(try peer.sent() == ["PUBLISH 1 q1 x"])
        peer.now = 30_000
        #expect(peer.session.tick(now: peer.now) == true)
        #expect(try peer.sent() == ["PINGREQ"])
        peer.now = 39_999
        #expect(peer.session.tick(now: peer.now) == true)
        peer.now = 40_000
        #expect(peer.session.tick(now: peer.now) == false)
    }

    @Test func aDisconnectOfTheServerIsTold() throws {
        var peer = SessionPeer()
        _ = try peer.connect()
        try peer.server { ServerPacket.encodeDisconnect(into: &$0, version: .v5, reason: .sessionTakenOver) }
        #expect(peer.outcomes() == ["ended 0x8E sessionTakenOver"])
    }
}
