import Diagnostics
import Identity
import MQTT
import Synchronization
import Testing

@testable import Client

/// The client as a program uses it, against a server that follows a script.
@Suite(.timeLimit(.minutes(1))) struct MQTTClientTests {
    @Test func aShortLife() async throws {
        let server = try ScriptedServer { accept in
            let peer = try accept()
            try peer.welcome()
            try peer.expect("SUBSCRIBE 1 group/+")
            var properties: [UInt8] = []
            properties.appendUserProperty("last_seq", "group/1=41")
            try peer.send {
                ServerPacket.encodeSuback(
                    into: &$0, version: .v5, packetID: 1, reasons: [.grantedQoS1], properties: properties)
            }
            try peer.deliver("hello", id: 9, seq: 42)
            try peer.expect("PUBLISH 2 q1 hello yourself")
            try peer.acknowledge(.puback, 2, properties: [("seq", "43"), ("id", "7302")])
            // Only the next turn of the loop says that the message is done with.
            try peer.expect("PUBACK 9")
            try peer.expect("DISCONNECT success")
            try peer.expectEnd()
        }
        let client = try makeClient(server)
        try await client.connect()
        let granted = try await client.subscribe(to: "group/+")
        #expect(granted.qos == .atLeastOnce && granted.lastSeq == ["group/1": 41])
        let messages = client.messages.makeAsyncIterator()
        let message = try #require(try await messages.next())
        #expect(message.topic == "group/1" && message.text == "hello" && message.seq == 42)
        let taken = try await client.publish("hello yourself", to: message.topic, clientRef: "answer-42")
        #expect(taken.seq == 43 && taken.id == "7302")
        client.acknowledge(message)
        await client.disconnect()
        #expect(try await messages.next() == nil)
        await #expect(throws: MQTTError.closed) { try await client.publish("late", to: "group/1") }
        try await server.finished()
    }

    /// A publish waits through a lost connection and keeps its reference; each connection has a token of its own.
    @Test func aLostConnectionIsMadeAgain() async throws {
        let tokens = Mutex<[String]>([])
        let server = try ScriptedServer { accept in
            for (token, repeated) in [("token 1", ""), ("token 2", " dup")] {
                let peer = try accept()
                let connect = try peer.welcome(sessionPresent: token == "token 2")
                guard connect.authenticationData == Array(token.utf8), !connect.cleanStart else {
                    throw ScriptedServer.Failure(description: "another CONNECT")
                }
                let (packet, bytes) = try peer.expect("PUBLISH 1 q1\(repeated) x")
                guard case .publish(let publish) = packet,
                    let reference = publish.userProperty(named: "client_ref", in: bytes.span),
                    Array(bytes[reference]) == Array("r1".utf8)
                else { throw ScriptedServer.Failure(description: "no client_ref") }
                if token == "token 2" {
                    try peer.acknowledge(.puback, 1)
                    try peer.expect("DISCONNECT success")
                }
            }
        }
        let events = TestEvents()
        let client = try makeClient(server, events: events) {
            $0.authentication = .token {
                tokens.withLock { tokens in
                    tokens.append("token \(tokens.count + 1)")
                    return tokens.last ?? ""
                }
            }
        }
        try await client.connect()
        try await client.publish("x", to: "group/1", clientRef: "r1")
        #expect(await events.next() == .connected(sessionPresent: false))
        guard case .disconnected(.connectionFailed, _) = await events.next() else {
            Issue.record("the loss was not told")
            return
        }
        #expect(await events.next() == .connected(sessionPresent: true))
        #expect(tokens.withLock { $0.count } == 2)
        await client.disconnect()
        try await server.finished()
    }

    @Test func twoRefusedTokensAreEnough() async throws {
        let server = try ScriptedServer { accept in
            for _ in 0..<2 { try accept().welcome(reason: .notAuthorized) }
        }
        let client = try makeClient(server) { $0.authentication = .token { "bad" } }
        let refused = MQTTError.refused(Refusal(reason: .notAuthorized))
        await #expect(throws: refused) { try await client.connect() }
        await #expect(throws: refused) { for try await _ in client.messages {} }
        await #expect(throws: refused) { try await client.subscribe(to: "a") }
        try await server.finished()
    }

    /// The other client would be sent away in turn.
    @Test func aSessionThatWasTakenOverIsLeftAlone() async throws {
        let server = try ScriptedServer { accept in
            let peer = try accept()
            try peer.welcome()
            try peer.expect("PUBLISH 1 q1 x")
            try peer.send { ServerPacket.encodeDisconnect(into: &$0, version: .v5, reason: .sessionTakenOver) }
            try peer.expectEnd()
        }
        let client = try makeClient(server)
        try await client.connect()
        await #expect(throws: MQTTError.refused(Refusal(reason: .sessionTakenOver))) {
            try await client.publish("x", to: "group/1")
        }
        try await server.finished()
    }

    /// A token that ends soon is followed by another on the same connection.
    @Test func aTokenIsRenewed() async throws {
        let renewed = TestEvents()
        let server = try ScriptedServer { accept in
            let peer = try accept()
            try peer.welcome()
            try peer.expect("AUTH reauthenticate second")
            var properties: [UInt8] = []
            properties.appendProperty(.authenticationMethod, text: "JWT")
            try peer.send { ServerPacket.encodeAuth(into: &$0, reason: .success, properties: properties) }
            renewed.note(.connected(sessionPresent: true))
            try peer.expect("DISCONNECT success")
        }
        let end = SystemClock.wallMilliseconds() / 1000 + 2
        let first = "e30." + Base64URL.encode(Array(#"{"exp":\#(end)}"#.utf8)) + ".x"
        let isFirst = Mutex(true)
        let client = try makeClient(server) {
            $0.authentication = .token {
                isFirst.withLock { isFirst in
                    defer { isFirst = false }
                    return isFirst ? first : "second"
                }
            }
        }
        try await client.connect()
        _ = await renewed.next()
        await client.disconnect()
        try await server.finished()
    }

    /// What the program is busy with is finished, and then it gets no more.
    @Test func disconnectWaitsForTheMessageAtHand() async throws {
        let server = try ScriptedServer { accept in
            let peer = try accept()
            try peer.welcome()
            for id: UInt16 in 1...2 { try peer.deliver("\(id)", id: id) }
            try peer.expect("PUBLISH 1 q1 the answer to 1")
            try peer.acknowledge(.puback, 1)
            try peer.expect("PUBACK 1")
            try peer.expect("DISCONNECT success")
            try peer.expectEnd()
        }
        let client = try makeClient(server)
        try await client.connect()
        var handled: [String] = []
        var ending: Task<Void, Never>?
        for try await message in client.messages {
            // At once, so that it is asked for before the message has been answered.
            ending = Task.immediate { await client.disconnect() }
            try await client.publish("the answer to \(message.text)", to: "t")
            handled.append(message.text)
        }
        await ending?.value
        #expect(handled == ["1"])
        try await server.finished()
    }

    @Test func aLoopThatIsLeftGivesItsMessageToTheNext() async throws {
        let server = try ScriptedServer { accept in
            let peer = try accept()
            try peer.welcome()
            for id: UInt16 in 1...2 { try peer.deliver("\(id)", id: id) }
            try peer.expect("PUBACK 1")
            try peer.expect("PUBACK 2")
            try peer.expect("DISCONNECT success")
        }
        let client = try makeClient(server)
        try await client.connect()
        for try await message in client.messages {
            #expect(message.text == "1")
            break
        }
        var texts: [String] = []
        for try await message in client.messages {
            texts.append(message.text)
            if texts.count == 2 {
                client.acknowledge(message)
                break
            }
        }
        #expect(texts == ["1", "2"])
        await client.disconnect()
        try await server.finished()
    }

    @Test func leavesNothingBehindIfAsked() async throws {
        let server = try ScriptedServer { accept in
            let peer = try accept()
            try peer.welcome()
            try peer.expect("UNSUBSCRIBE 1 a")
            try peer.send {
                ServerPacket.encodeUnsuback(into: &$0, version: .v5, packetID: 1, reasons: [.noSubscriptionExisted])
            }
            try peer.expect("PUBLISH 0 q0 x")
            guard case .disconnect(let disconnect) = try peer.expect("DISCONNECT success").packet,
                disconnect.sessionExpirySeconds == 0
            else { throw ScriptedServer.Failure(description: "the session stays") }
        }
        let client = try makeClient(server)
        try await client.connect()
        try await client.unsubscribe(from: "a")
        let sent = try await client.publish("x", to: "t", qos: .atMostOnce)
        #expect(sent == PublishAcknowledgement(reason: .success))
        await client.disconnect(endingSession: true)
        await client.disconnect()
        try await server.finished()
    }

    @Test func cancelledCallsReturn() async throws {
        let sent = TestEvents()
        let server = try ScriptedServer { accept in
            let peer = try accept()
            try peer.welcome()
            try peer.expect("PUBLISH 1 q1 x")
            sent.note(.connected(sessionPresent: false))
            try peer.expect("SUBSCRIBE 2 a")
            sent.note(.connected(sessionPresent: true))
            try peer.expect("PUBLISH 3 q1 y")
            for id: UInt16 in [1, 3] { try peer.acknowledge(.puback, id) }
            try peer.expect("DISCONNECT success")
        }
        let client = try makeClient(server)
        try await client.connect()
        let publishing = Task { try await client.publish("x", to: "t") }
        _ = await sent.next()
        let subscribing = Task { try await client.subscribe(to: "a") }
        let reading = Task { try await client.messages.makeAsyncIterator().next() }
        _ = await sent.next()
        publishing.cancel()
        subscribing.cancel()
        reading.cancel()
        #expect(try await reading.value == nil)
        await #expect(throws: CancellationError.self) { try await subscribing.value }
        await #expect(throws: CancellationError.self) { try await publishing.value }
        try await client.publish("y", to: "t")
        await client.disconnect()
        try await server.finished()
    }

    @Test func aServerThatSaysNothingIsGivenUp() async throws {
        let server = try ScriptedServer { accept in
            let silent = try accept()
            try silent.expect("CONNECT")
            try silent.expectEnd()
            try accept().welcome()
        }
        let events = TestEvents()
        let client = try makeClient(server, events: events) { $0.connectMilliseconds = 200 }
        try await client.connect()
        guard case .disconnected(.connectionFailed("the server has not answered in time"), _) = await events.next()
        else {
            Issue.record("the silence was not told")
            return
        }
        try await server.finished()
    }

    @Test func connectingCanBeGivenUp() async throws {
        let port: UInt16
        do {
            let server = try ScriptedServer { _ in }
            try await server.finished()
            port = server.port
        }
        let events = TestEvents()
        var configuration = MQTTClient.Configuration(
            host: "127.0.0.1", port: port, security: .plainTCP, authentication: .anonymous, clientID: "c")
        configuration.reconnectMilliseconds = 10
        configuration.onEvent = { events.note($0) }
        let client = try MQTTClient(configuration)
        let connecting = Task { try await client.connect() }
        // Nobody listens there: it has failed once, and waits for the next time.
        guard case .disconnected(.connectionFailed, _) = await events.next() else {
            Issue.record("the failure was not told")
            return
        }
        connecting.cancel()
        await #expect(throws: CancellationError.self) { try await connecting.value }
        await #expect(throws: MQTTError.closed) { try await client.connect() }
    }

    @Test func whatCannotBeMeantIsInvalid() async throws {
        let server = try ScriptedServer { _ in }
        let client = try makeClient(server)
        for topic in ["", "a/+", "a/#", "a\0b", String(repeating: "x", count: 65_536)] {
            await #expect(throws: MQTTError.self) { try await client.publish("x", to: topic, qos: .atMostOnce) }
        }
        for reference in ["", "ä", "a b", String(repeating: "x", count: 65)] {
            await #expect(throws: MQTTError.invalid("a clientRef is 1 to 64 visible ASCII characters")) {
                try await client.publish("x", to: "t", clientRef: reference)
            }
        }
        await #expect(throws: MQTTError.notConnected) { try await client.publish("x", to: "t", qos: .atMostOnce) }
        #expect(throws: MQTTError.self) { try makeClient(server) { $0.clientID = "" } }
        #expect(throws: MQTTError.self) {
            try makeClient(server) { $0.security = .tlsTrusting(authorityFile: "/nowhere") }
        }
        await client.disconnect()
    }
}
