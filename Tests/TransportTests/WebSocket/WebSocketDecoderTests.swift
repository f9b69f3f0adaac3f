import Testing
import Transport

/// RFC 6455 §5: frames of a client.
@Suite struct WebSocketDecoderTests {
    struct Case: CustomTestStringConvertible, Sendable {
        var testDescription: String
        var bytes: [UInt8]
        var expected: [Decoded]
        var acceptsText = true
        var payloadBytesMax: UInt64 = 1 << 20

        init(_ name: String, _ bytes: [UInt8], _ expected: [Decoded]) {
            testDescription = name
            self.bytes = bytes
            self.expected = expected
        }
    }

    static let long = (0..<70_000).map { UInt8(truncatingIfNeeded: $0 * 7) }
    static let hello = Array("Hello".utf8)

    static let accepted: [Case] = [
        // The example of RFC 6455 §5.7.
        Case(
            "text", [0x81, 0x85, 0x37, 0xFA, 0x21, 0x3D, 0x7F, 0x9F, 0x4D, 0x51, 0x58], [.message(hello, isText: true)]),
        Case("binary", clientFrame(2, hello), [.message(hello, isText: false)]),
        Case("empty", clientFrame(2), [.message([], isText: false)]),
        Case("mask of zeros", clientFrame(2, hello, mask: [0, 0, 0, 0]), [.message(hello, isText: false)]),
        Case("125 bytes", clientFrame(2, Array(long[..<125])), [.message(Array(long[..<125]), isText: false)]),
        Case("126 bytes", clientFrame(2, Array(long[..<126])), [.message(Array(long[..<126]), isText: false)]),
        Case("65,535 bytes", clientFrame(2, Array(long[..<65_535])), [.message(Array(long[..<65_535]), isText: false)]),
        Case("65,536 bytes", clientFrame(2, Array(long[..<65_536])), [.message(Array(long[..<65_536]), isText: false)]),
        Case(
            "fragments with a ping and a pong between",
            clientFrame(2, [1, 2, 3], isFinal: false) + clientFrame(9, [9]) + clientFrame(0, [], isFinal: false)
                + clientFrame(0xA, [7]) + clientFrame(0, [4]) + clientFrame(2, [5]),
            [.ping([9]), .message([1, 2, 3, 4], isText: false), .message([5], isText: false)]),
        Case("ping of 125 bytes", clientFrame(9, Array(long[..<125])), [.ping(Array(long[..<125]))]),
        Case("empty ping", clientFrame(9), [.ping([])]),
        Case("unfinished", clientFrame(2, [1, 2], isFinal: false), [.rest([1, 2])]),
        Case("close", clientFrame(8), [.close(nil)]),
        Case("close with a reason", clientFrame(8, [0x03, 0xE9] + Array("Grüße".utf8)), [.close(1001)]),
        Case("close of an application", clientFrame(8, [0x0B, 0xB8]), [.close(3000)]),
        Case("what follows a close", clientFrame(8) + clientFrame(2, [1]), [.close(nil)]),
        Case(
            "close between fragments", clientFrame(2, [1], isFinal: false) + clientFrame(8, [3, 232]), [.close(1000)]),
    ]

    static let refused: [Case] =
        [
            Case("no mask", clientFrame(2, hello, mask: nil), [.violation(1002)]),
            Case("reserved bit 1", clientFrame(2, hello, reserved: 4), [.violation(1002)]),
            Case("reserved bit 2", clientFrame(2, hello, reserved: 2), [.violation(1002)]),
            Case("reserved bit 3", clientFrame(9, reserved: 1), [.violation(1002)]),
            Case("ping of 126 bytes", clientFrame(9, Array(long[..<126])), [.violation(1002)]),
            Case("ping in fragments", clientFrame(9, [1], isFinal: false), [.violation(1002)]),
            Case("close in fragments", clientFrame(8, [], isFinal: false), [.violation(1002)]),
            Case("continuation of nothing", clientFrame(0, hello), [.violation(1002)]),
            Case(
                "message in a message", clientFrame(2, [1], isFinal: false) + clientFrame(2, [2]), [.violation(1002)]),
            Case("126 bytes in eight", clientFrame(2, Array(long[..<126]), lengthBytes: 8), [.violation(1002)]),
            Case("125 bytes in two", clientFrame(2, Array(long[..<125]), lengthBytes: 2), [.violation(1002)]),
            Case("65,535 bytes in eight", clientFrame(2, Array(long[..<65_535]), lengthBytes: 8), [.violation(1002)]),
            Case("first bit of the length", [0x82, 0xFF, 0x80] + [UInt8](repeating: 0, count: 11), [.violation(1002)]),
            Case("length of 2^63 - 1", [0x82, 0xFF, 0x7F] + [UInt8](repeating: 255, count: 11), [.violation(1009)]),
            Case("close of one byte", clientFrame(8, [3]), [.violation(1002)]),
            Case("close reason that is no UTF-8", clientFrame(8, [0x03, 0xE8, 0xC0, 0x80]), [.violation(1007)]),
        ]
        + [3, 4, 5, 6, 7, 0xB, 0xC, 0xD, 0xE, 0xF].map { Case("opcode \($0)", clientFrame($0), [.violation(1002)]) }
        + [0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65_535].map {
            Case("close \($0)", clientFrame(8, [UInt8($0 >> 8), UInt8($0 & 255)]), [.violation(1002)])
        }

    static let limited: [Case] = {
        var text = Case("text where only binary is spoken", clientFrame(1, hello), [.violation(1003)])
        text.acceptsText = false
        var fits = Case("as long as the limit", clientFrame(2, hello), [.message(hello, isText: false)])
        fits.payloadBytesMax = 5
        var long = Case("longer than the limit", clientFrame(2, hello + [0]), [.violation(1009)])
        long.payloadBytesMax = 5
        return [text, fits, long]
    }()

    @Test(arguments: accepted + refused + limited) func whole(_ one: Case) {
        #expect(
            decoded([one.bytes], payloadBytesMax: one.payloadBytesMax, acceptsText: one.acceptsText) == one.expected)
    }

    /// However the bytes come, they mean the same.
    @Test(arguments: accepted + refused + limited) func split(_ one: Case) {
        func check(_ pieces: [[UInt8]]) -> Bool {
            let found = decoded(pieces, payloadBytesMax: one.payloadBytesMax, acceptsText: one.acceptsText)
            return found == one.expected
        }
        // Long payloads are cut around their ends only.
        let cuts = one.bytes.indices.filter { $0 < 160 || $0 > one.bytes.count - 20 }
        for cut in cuts { #expect(check([Array(one.bytes[..<cut]), Array(one.bytes[cut...])]), "cut at \(cut)") }
        if one.bytes.count < 1000 { #expect(check(one.bytes.map { [$0] }), "byte by byte") }
    }

    /// Payload is moved together in place and what was before it stays.
    @Test func inPlace() {
        let head: [UInt8] = [0xAA, 0xBB]
        var bytes = head + clientFrame(2, [1, 2, 3]) + clientFrame(9, [9]) + clientFrame(2, Array(Self.long[..<300]))
        var decoder = WebSocketDecoder(payloadBytesMax: 1000)
        var span = bytes.mutableSpan
        var read = 2, written = 2
        while decoder.decode(&span, read: &read, written: &written) != nil {}
        #expect(read == bytes.count)
        #expect(Array(bytes[..<written]) == head + [1, 2, 3] + Array(Self.long[..<300]))
    }

    /// Random messages in random fragments and pieces come out as they went in.
    @Test(arguments: 1...200) func randomMessages(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        var bytes: [UInt8] = []
        var expected: [Decoded] = []
        for _ in 0..<Int.random(in: 1...8, using: &random) {
            var message: [UInt8] = []
            let fragments = Int.random(in: 1...4, using: &random)
            for fragment in 0..<fragments {
                let sizes = [0, 1, 7, 8, 9, 125, 126, 127, 300]
                let part = (0..<(sizes.randomElement(using: &random) ?? 0)).map { _ in
                    UInt8.random(in: 0...255, using: &random)
                }
                let mask = (0..<4).map { _ in UInt8.random(in: 0...255, using: &random) }
                bytes += clientFrame(fragment == 0 ? 2 : 0, part, isFinal: fragment == fragments - 1, mask: mask)
                message += part
                if Bool.random(using: &random), fragment < fragments - 1 {
                    bytes += clientFrame(9, [UInt8(fragment)])
                    expected.append(.ping([UInt8(fragment)]))
                }
            }
            expected.append(.message(message, isText: false))
        }
        #expect(decoded(pieces(of: bytes, &random)) == expected)
    }

    /// Noise ends in a violation or goes on, and never depends on how it is cut.
    @Test(arguments: 1...500) func noise(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        var bytes = (0..<Int.random(in: 0...600, using: &random)).map { _ in UInt8.random(in: 0...255, using: &random) }
        // A good beginning lets it come further.
        if Bool.random(using: &random) {
            bytes = clientFrame(2, [1, 2, 3], isFinal: Bool.random(using: &random)) + bytes
        }
        for index in bytes.indices.dropFirst() where Int.random(in: 0..<4, using: &random) == 0 {
            bytes[index] = [0x02, 0x80, 0x82, 0x89, 0xFE, 0xFF].randomElement(using: &random) ?? 0
        }
        #expect(decoded(pieces(of: bytes, &random)) == decoded([bytes]))
    }

    private func pieces(of bytes: [UInt8], _ random: inout SeededGenerator) -> [[UInt8]] {
        var pieces: [[UInt8]] = []
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = min(rest.count, Int.random(in: 1...40, using: &random))
            pieces.append(Array(rest.prefix(count)))
            rest = rest.dropFirst(count)
        }
        return pieces
    }
}
