import FuzzSupport
import Glibc
import MQTT
import Transport

/// A client: it knows what it has sent, and checks what it gets against that.
struct Peer {
    /// Its end; -1: it is not connected.
    var socket: Int32 = -1
    var id = ConnectionID(slot: -1, generation: 0)
    var isReading = true
    private var received: [UInt8] = []
    private var expected = Expectations()

    init() {}

    init(socket: Int32, id: ConnectionID) {
        self.socket = socket
        self.id = id
    }

    mutating func sent(_ bytes: [UInt8]) { expected.sent(bytes) }

    var connect: Connect? { expected.connect }
    /// PUBLISH packets of the hub that wait for an answer: identifier and QoS, oldest first.
    var unanswered: [(packetID: UInt16, qos: QoS)] { expected.unanswered }

    /// Reads all there is; true: the hub has closed its side.
    mutating func read() -> Bool {
        withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 65_536) { buffer in
            var count = 0
            repeat {
                count = recv(socket, buffer.baseAddress, buffer.count, 0)
                if count > 0 { received += buffer[..<count] }
            } while count == buffer.count
            takePackets()
            return count == 0
        }
    }

    private mutating func takePackets() {
        guard !received.isEmpty else { return }
        var offset = 0
        do throws(ProtocolError) {
            while let header = try FixedHeader.read(received.span, at: offset, packetBytesMax: .max),
                offset + header.packetLength <= received.count
            {
                let bytes = Array(received[offset..<offset + header.packetLength])
                let packet = try ServerPacket.decode(header, in: bytes.span, at: 0, version: expected.version)
                expected.received(packet, bytes)
                offset += header.packetLength
            }
        } catch {
            fatalError("the hub sent what is no packet: \(error) in \(received)")
        }
        received.removeFirst(offset)
    }
}
