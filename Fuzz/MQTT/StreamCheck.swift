import FuzzSupport
import MQTT

/// Reads a stream packet by packet, as the broker does, and asks of each what must hold for all.
struct StreamCheck {
    let version: ProtocolVersion
    let isFromClient: Bool
    let packetBytesMax: Int

    func run(_ stream: [UInt8]) {
        var offset = 0
        while offset < stream.count, let header = readHeader(stream, at: offset) {
            guard offset + header.packetLength <= stream.count else { return }
            let alone = Array(stream[offset..<offset + header.packetLength])
            let result = decode(header, alone, at: 0)
            checkPlace(header, stream, at: offset, result)
            switch result {
            case .success(let content): checkRoundTrip(content, alone)
            case .failure(let error):
                if header.type == .connect, isFromClient { checkRefusal(error) }
                return
            }
            offset += header.packetLength
        }
    }

    // MARK: Header

    /// nil: what is there is not enough, or wrong.
    private func readHeader(_ stream: [UInt8], at offset: Int) -> FixedHeader? {
        let whole = read(stream.span, at: offset, packetBytesMax)
        // A packet that is cut anywhere is no packet yet, and no other: only its length decides when a reader goes on.
        var isDecided = false
        for count in 0...min(stream.count - offset, 6) {
            let part = read(stream.span.extracting(..<(offset + count)), at: offset, packetBytesMax)
            if isDecided { expectEqual(part, whole, "more bytes change what a header says") }
            if part != .incomplete { isDecided = true }
            if part != .incomplete { expectEqual(part, whole, "a part of a header says something else") }
        }
        switch whole {
        case .incomplete: return nil
        case .header(let header):
            expect(header.packetLength <= packetBytesMax && (2...5).contains(header.length), "the header's lengths")
            return header
        case .refused(let reason):
            if reason == .packetTooLarge {
                guard case .header(let header) = read(stream.span, at: offset, .max) else {
                    fatalError("a packet without a length is too large")
                }
                expect(header.packetLength > packetBytesMax, "a small packet is too large")
            }
            return nil
        }
    }

    private enum HeaderResult: Equatable {
        case incomplete
        case header(FixedHeader)
        case refused(ReasonCode)
    }

    private func read(_ bytes: Span<UInt8>, at offset: Int, _ packetBytesMax: Int) -> HeaderResult {
        do throws(ProtocolError) {
            let header = try FixedHeader.read(bytes, at: offset, packetBytesMax: packetBytesMax)
            return header.map { .header($0) } ?? .incomplete
        } catch {
            return .refused(error.reason)
        }
    }

    // MARK: Packets

    private typealias Decoded = Result<PacketContent, ProtocolError>

    private func decode(_ header: FixedHeader, _ bytes: [UInt8], at offset: Int) -> Decoded {
        do throws(ProtocolError) {
            if isFromClient {
                let packet = try ClientPacket.decode(header, in: bytes.span, at: offset, version: version)
                return .success(PacketContent(packet, bytes))
            }
            let packet = try ServerPacket.decode(header, in: bytes.span, at: offset, version: version)
            return .success(PacketContent(packet, bytes))
        } catch {
            return .failure(error)
        }
    }

    /// Neither what stands before a packet nor what follows it matters.
    private func checkPlace(_ header: FixedHeader, _ stream: [UInt8], at offset: Int, _ alone: Decoded) {
        switch (alone, decode(header, stream, at: offset)) {
        case (.success(let left), .success(let right)): expectEqual(left, right, "the same packet elsewhere")
        case (.failure(let left), .failure(let right)): expectEqual(left.reason, right.reason, "the same error")
        default: fatalError("a packet is good in one place and bad in another")
        }
    }

    /// What was decoded can be written, and is read again as the same.
    private func checkRoundTrip(_ content: PacketContent, _ bytes: [UInt8]) {
        guard let expected = content.canonical(version), let written = expected.encoded(version, isFromClient) else {
            return
        }
        guard case .header(let header) = read(written.span, at: 0, .max), header.packetLength == written.count,
            case .success(let again) = decode(header, written, at: 0)
        else { fatalError("what was written is not read: \(content) became \(written)") }
        expectEqual(again, expected, "a packet that was written")
        expectEqual(again.encoded(version, isFromClient), written, "the same packet written twice")
        if case .publish(let publish) = expected { publish.check() }
    }

    /// A CONNECT that is refused with a version gets a CONNACK in it, if there is a code for the reason.
    private func checkRefusal(_ error: ProtocolError) {
        guard let version = error.version else { return }
        var properties = ConnackProperties()
        properties.reasonString = Array("\(error.message)".utf8)
        var answer: [UInt8] = []
        let isWritten = ServerPacket.encodeConnack(
            into: &answer, version: version, sessionPresent: false, reason: error.reason, properties: properties)
        expectEqual(isWritten, !answer.isEmpty, "the answer to a refused CONNECT")
        guard isWritten else { return }
        guard case .header(let header) = read(answer.span, at: 0, .max),
            case .connack(let connack)? = try? ServerPacket.decode(header, in: answer.span, at: 0, version: version)
        else { fatalError("the CONNACK of a refusal is not read") }
        expect(connack.reason.isError && !connack.sessionPresent, "a refusal says success")
    }
}
