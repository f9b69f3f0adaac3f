import Glibc
import Identity
import MQTT

/// An MQTT client on a blocking socket: sends what it is told and hands over packet by packet. Every wait has a deadline.
final class TestClient {
    struct Delivery: Equatable {
        var topic: String
        var payload: String
        var qos: QoS
        var packetID: UInt16
        /// DUP.
        var isRepeated: Bool
        /// Of the envelope; 0: none.
        var seq: Int64
        var retain = false
        var properties = PublishProperties()

        var expirySeconds: UInt32? { properties.messageExpirySeconds }
        /// 0: none.
        var alias: UInt16 { properties.topicAlias }
        var subscriptionIDs: [UInt32] { properties.subscriptionIDs }
    }

    private static let limitMilliseconds: Int32 = 10_000
    let socket: Int32
    let version: ProtocolVersion
    private var input: [UInt8] = []
    /// Packets before this have been handed over.
    private var used = 0
    private var nextID: UInt16 = 1
    private(set) var sessionPresent = false
    /// Passes over presences, which come to whoever subscribes to everything.
    var hidesPresence = true

    init(port: UInt16, version: ProtocolVersion = .v5, receiveBufferBytes: Int32? = nil) throws {
        self.version = version
        socket = Glibc.socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        if var size = receiveBufferBytes {
            setsockopt(socket, SOL_SOCKET, SO_RCVBUF, &size, socklen_t(MemoryLayout<Int32>.size))
        }
        var one: Int32 = 1
        setsockopt(socket, Int32(IPPROTO_TCP), TCP_NODELAY, &one, socklen_t(MemoryLayout<Int32>.size))
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        inet_pton(AF_INET, "127.0.0.1", &address.sin_addr)
        let result = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                Glibc.connect(socket, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        try check(result == 0, "connect: \(errno)")
    }

    deinit { close(socket) }

    /// Connected, with CONNACK read.
    convenience init(
        _ hub: TestHub, shard: Int = 0, user: Int64?, id: String = "c", version: ProtocolVersion = .v5,
        isClean: Bool = true,
        expirySeconds: UInt32 = 0, receiveMaximum: UInt16 = 65_535, loginSession: Int64? = nil,
        acl: AccessList? = nil, scope: String = "user", will: Will? = nil
    ) throws {
        try self.init(port: hub.ports[shard], version: version)
        try sendConnect(
            user: user, id: id, isClean: isClean, expirySeconds: expirySeconds, receiveMaximum: receiveMaximum,
            loginSession: loginSession, acl: acl, scope: scope, will: will)
        let reason = try receiveConnack()
        try checkEqual(reason, .success)
    }

    // MARK: Sending

    func send(_ bytes: [UInt8]) throws {
        var sent = 0
        while sent < bytes.count {
            let count = bytes.withUnsafeBytes {
                Glibc.send(socket, $0.baseAddress! + sent, bytes.count - sent, Int32(MSG_NOSIGNAL))
            }
            try check(count > 0, "send: \(errno)")
            sent += count
        }
    }

    func sendConnect(
        user: Int64?, id: String, isClean: Bool = true, expirySeconds: UInt32 = 0, receiveMaximum: UInt16 = 65_535,
        loginSession: Int64? = nil,
        acl: AccessList? = nil, scope: String = "user", will: Will? = nil, hasMethod: Bool = false,
        edit: (inout Connect) -> Void = { _ in }
    ) throws {
        var connect = Connect(version: version, cleanStart: isClean)
        connect.will = will
        connect.clientID = Array(id.utf8)
        connect.receiveMaximum = receiveMaximum
        connect.sessionExpirySeconds = version == .v5 ? expirySeconds : (isClean ? 0 : .max)
        if let user {
            let token = TestHub.token(user, session: loginSession, acl: acl, scope: scope)
            if hasMethod {
                connect.authenticationMethod = Array("JWT".utf8)
                connect.authenticationData = token
            } else {
                connect.username = []
                connect.password = token
            }
        }
        edit(&connect)
        var bytes: [UInt8] = []
        ClientPacket.encodeConnect(into: &bytes, connect)
        try send(bytes)
    }

    @discardableResult
    func publish(
        _ topic: String, _ payload: String, qos: QoS = .atLeastOnce, retain: Bool = false, properties: [UInt8] = []
    ) throws -> UInt16 {
        var bytes: [UInt8] = []
        let id = qos == .atMostOnce ? 0 : takeID()
        ServerPacket.encodePublish(
            into: &bytes, version: version, topic: Array(topic.utf8), payload: Array(payload.utf8), qos: qos,
            retain: retain,
            packetID: id, properties: DeliveryProperties(forwarded: properties))
        try send(bytes)
        return id
    }

    func sendSubscribe(_ filters: [String], qos: QoS = .atLeastOnce, properties: [UserProperty] = []) throws {
        try send(subscribePacket(filters, qos: qos, properties: properties))
    }

    func subscribePacket(
        _ filters: [String], qos: QoS = .atLeastOnce, properties: [UserProperty] = []
    ) -> [UInt8] {
        var subscribe = Subscribe(packetID: takeID())
        subscribe.entries = filters.map {
            Subscribe.Entry(filter: Array($0.utf8), options: SubscriptionOptions(qos: qos))
        }
        subscribe.userProperties = properties
        var bytes: [UInt8] = []
        ClientPacket.encodeSubscribe(into: &bytes, version: version, subscribe)
        return bytes
    }

    /// SUBSCRIBE and its SUBACK.
    @discardableResult
    func subscribe(_ filters: String..., qos: QoS = .atLeastOnce, properties: [UserProperty] = []) throws -> Suback {
        try sendSubscribe(filters, qos: qos, properties: properties)
        guard case .suback(let suback) = try next() else { throw CheckFailure(description: "no SUBACK") }
        return suback
    }

    func sendUnsubscribe(_ filter: String) throws {
        var unsubscribe = Unsubscribe(packetID: takeID())
        unsubscribe.filters = [Array(filter.utf8)]
        var bytes: [UInt8] = []
        ClientPacket.encodeUnsubscribe(into: &bytes, version: version, unsubscribe)
        try send(bytes)
    }

    func acknowledge(_ packetID: UInt16, _ type: PacketType = .puback) throws {
        var bytes: [UInt8] = []
        ServerPacket.encodeAcknowledgement(type, into: &bytes, version: version, packetID: packetID)
        try send(bytes)
    }

    /// Ends the connection in both directions, without DISCONNECT.
    func abort() { shutdown(socket, Int32(SHUT_RDWR)) }

    /// Closing will reset the connection.
    func resetAtEnd() {
        var option = linger(l_onoff: 1, l_linger: 0)
        setsockopt(socket, SOL_SOCKET, SO_LINGER, &option, socklen_t(MemoryLayout<linger>.size))
    }

    func disconnect() throws {
        var bytes: [UInt8] = []
        ClientPacket.encodeDisconnect(into: &bytes, version: version)
        try send(bytes)
        try expectEnd()
    }

    /// DISCONNECT of MQTT 5.
    func sendDisconnect(_ reason: ReasonCode, expirySeconds: UInt32? = nil) throws {
        var properties: [UInt8] = []
        if let expirySeconds { properties.appendProperty(.sessionExpiryInterval, number: expirySeconds) }
        var bytes: [UInt8] = []
        ClientPacket.encodeDisconnect(into: &bytes, version: version, reason: reason, properties: properties)
        try send(bytes)
    }

    /// AUTH with a new token.
    func sendAuth(user: Int64, acl: AccessList?) throws { try sendAuth(token: TestHub.token(user, acl: acl)) }

    func sendAuth(token: [UInt8]) throws {
        var properties: [UInt8] = []
        properties.appendProperty(.authenticationMethod, text: "JWT")
        properties.appendProperty(.authenticationData, bytes: token.span)
        var bytes: [UInt8] = []
        ServerPacket.encodeAuth(into: &bytes, reason: .reauthenticate, properties: properties)
        try send(bytes)
    }

    /// Ends the connection without a word.
    func cut() { shutdown(socket, Int32(SHUT_RDWR)) }

    private func takeID() -> UInt16 {
        defer { nextID = nextID == .max ? 1 : nextID + 1 }
        return nextID
    }

    // MARK: Receiving

    /// The next packet; publishes only by `receive`.
    func next(line: Int = #line) throws -> ServerPacket {
        let packet = try read(line: line)
        if case .publish = packet.packet { throw CheckFailure(description: "line \(line): an unexpected PUBLISH") }
        return packet.packet
    }

    /// The next packet, which is a PUBLISH.
    func receive(line: Int = #line) throws -> Delivery {
        let (packet, bytes) = try read(line: line)
        guard case .publish(let publish) = packet else {
            throw CheckFailure(description: "line \(line): not a PUBLISH: \(packet)")
        }
        let payload = String(decoding: bytes[publish.payload], as: UTF8.self)
        var seq: Int64 = 0
        if let start = payload.firstRange(of: "\"seq\":") {
            seq = Int64(payload[start.upperBound...].prefix { $0.isNumber }) ?? 0
        }
        return Delivery(
            topic: String(decoding: bytes[publish.topic], as: UTF8.self), payload: payload, qos: publish.qos,
            packetID: publish.packetID, isRepeated: publish.dup, seq: seq, retain: publish.retain,
            properties: try PublishProperties.decode(publish.properties, in: bytes.span))
    }

    /// The subscription identifiers of the next packet, which is a PUBLISH.
    func receiveIdentifiers(line: Int = #line) throws -> [UInt32] {
        let (packet, bytes) = try read(line: line)
        guard case .publish(let publish) = packet else {
            throw CheckFailure(description: "line \(line): not a PUBLISH: \(packet)")
        }
        return try PublishProperties.decode(publish.properties, in: bytes.span).subscriptionIDs
    }

    /// The seqs of the next deliveries, acknowledged.
    func receiveSeqs(_ count: Int, acknowledges: Bool = true, line: Int = #line) throws -> [Int64] {
        var seqs: [Int64] = []
        for _ in 0..<count {
            let delivery = try receive(line: line)
            seqs.append(delivery.seq)
            if acknowledges, delivery.packetID != 0 { try acknowledge(delivery.packetID) }
        }
        return seqs
    }

    func receivePuback(line: Int = #line) throws -> Acknowledgement {
        guard case .puback(let acknowledgement) = try next(line: line) else {
            throw CheckFailure(description: "line \(line): not a PUBACK")
        }
        return acknowledgement
    }

    func receiveConnack(line: Int = #line) throws -> ReasonCode {
        guard case .connack(let connack) = try next(line: line) else {
            throw CheckFailure(description: "line \(line): not a CONNACK")
        }
        sessionPresent = connack.sessionPresent
        return connack.reason
    }

    func receiveDisconnect(line: Int = #line) throws -> ReasonCode {
        guard case .disconnect(let disconnect) = try next(line: line) else {
            throw CheckFailure(description: "line \(line): not a DISCONNECT")
        }
        return disconnect.reason
    }

    /// A ping and its answer with nothing in between: all that was to come has come.
    func expectNothing(line: Int = #line) throws {
        var bytes: [UInt8] = []
        ClientPacket.encodePingreq(into: &bytes)
        try send(bytes)
        guard case .pingresp = try next(line: line) else {
            throw CheckFailure(description: "line \(line): not a PINGRESP")
        }
    }

    func expectEnd(line: Int = #line) throws {
        var isOpen = true
        repeat {
            skipPresence()
            guard input.count == used else { break }
            isOpen = try fill(line: line)
        } while isOpen
        try check(!isOpen, "the connection is still open", line: line)
    }

    /// As far as they have arrived whole.
    private func skipPresence() {
        while hidesPresence, used < input.count, input[used] >> 4 == PacketType.publish.rawValue,
            let header = try? FixedHeader.read(input.span, at: used, packetBytesMax: 1 << 28),
            input.count >= used + header.packetLength,
            input[used...].prefix(16).firstRange(of: Array("presence/".utf8)) != nil
        {
            used += header.packetLength
        }
    }

    /// Passes over a packet without a look into it.
    func skip(line: Int = #line) throws -> PacketType {
        while true {
            let read = input
            if let header = try FixedHeader.read(read.span, at: used, packetBytesMax: 1 << 28),
                read.count >= used + header.packetLength
            {
                used += header.packetLength
                return header.type
            }
            try check(fill(line: line), "the connection ended", line: line)
        }
    }

    private func read(line: Int) throws -> (packet: ServerPacket, bytes: [UInt8]) {
        while true {
            skipPresence()
            let read = input
            if let header = try FixedHeader.read(read.span, at: used, packetBytesMax: 1 << 28),
                read.count >= used + header.packetLength
            {
                let bytes = Array(read[used..<used + header.packetLength])
                used += header.packetLength
                return (try ServerPacket.decode(header, in: bytes.span, at: 0, version: version), bytes)
            }
            try check(fill(line: line), "the connection ended", line: line)
        }
    }

    /// Reads once; false: the peer has closed.
    private func fill(line: Int) throws -> Bool {
        var descriptor = pollfd(fd: socket, events: Int16(POLLIN), revents: 0)
        try check(poll(&descriptor, 1, Self.limitMilliseconds) == 1, "nothing came within 10 s", line: line)
        var buffer = [UInt8](repeating: 0, count: 65_536)
        let count = recv(socket, &buffer, buffer.count, 0)
        input.removeFirst(used)
        used = 0
        if count > 0 { input += buffer[..<count] }
        return count > 0
    }
}
