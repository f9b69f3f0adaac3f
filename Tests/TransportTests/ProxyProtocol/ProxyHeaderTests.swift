import Testing
import Transport

/// The PROXY protocol, versions 1 and 2.
@Suite struct ProxyHeaderTests {
    enum Expected: Equatable, Sendable {
        case source(String?)
        case malformed
        case needMore
    }

    struct Case: CustomTestStringConvertible, Sendable {
        var testDescription: String
        var bytes: [UInt8]
        var expected: Expected

        init(_ name: String, _ bytes: [UInt8], _ expected: Expected) {
            testDescription = name
            self.bytes = bytes
            self.expected = expected
        }

        init(_ line: String, _ expected: Expected) { self.init(line, Array(line.utf8), expected) }
    }

    static let signature: [UInt8] = [0x0D, 0x0A, 0x0D, 0x0A, 0, 0x0D, 0x0A, 0x51, 0x55, 0x49, 0x54, 0x0A]
    static let ipv4: [UInt8] = [203, 0, 113, 7, 192, 0, 2, 1, 0xDC, 0x04, 0x01, 0xBB]
    static let ipv6: [UInt8] =
        [0x20, 0x01, 0x0D, 0xB8] + [UInt8](repeating: 0, count: 11) + [5] + [UInt8](repeating: 1, count: 16)
        + [0xDC, 0x04, 0x01, 0xBB]

    static func binary(_ command: UInt8, _ family: UInt8, _ addresses: [UInt8], length: Int? = nil) -> [UInt8] {
        let length = length ?? addresses.count
        return signature + [command, family, UInt8(length >> 8), UInt8(length & 255)] + addresses
    }

    static let lines: [Case] = [
        Case("PROXY TCP4 203.0.113.7 192.0.2.1 56324 443\r\n", .source("203.0.113.7")),
        Case("PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535\r\n", .source("255.255.255.255")),
        Case("PROXY TCP6 2001:db8::5 2001:DB8::1 0 443\r\n", .source("2001:db8::5")),
        Case("PROXY TCP6 ::ffff:203.0.113.7 ::1 1 1\r\n", .source("203.0.113.7")),
        Case("PROXY UNKNOWN\r\n", .source(nil)),
        Case("PROXY UNKNOWN ffff::1 what ever\r\n", .source(nil)),
        Case("PROXY UNKNOWN " + String(repeating: "x", count: 91) + "\r\n", .source(nil)),
        Case("PROXY UNKNOWN " + String(repeating: "x", count: 92) + "\r\n", .malformed),
        Case("PROXY TCP4 203.0.113.7 192.0.2.1 56324 443\n", .malformed),
        Case("PROXY TCP4 203.0.113.7 192.0.2.1 56324 443\r \n", .malformed),
        Case("PROXY TCP4 203.0.113.7 192.0.2.1 56324 443 \r\n", .malformed),
        Case("PROXY TCP4  203.0.113.7 192.0.2.1 56324 443\r\n", .malformed),
        Case("PROXY TCP4 203.0.113.07 192.0.2.1 56324 443\r\n", .malformed),
        Case("PROXY TCP4 203.0.113 192.0.2.1 56324 443\r\n", .malformed),
        Case("PROXY TCP4 203.0.113.256 192.0.2.1 56324 443\r\n", .malformed),
        Case("PROXY TCP4 203.0.113.7\0x 192.0.2.1 56324 443\r\n", .malformed),
        Case("PROXY TCP4 203.0.113.7 192.0.2.1 056324 443\r\n", .malformed),
        Case("PROXY TCP4 203.0.113.7 192.0.2.1 65536 443\r\n", .malformed),
        Case("PROXY TCP4 203.0.113.7 192.0.2.1 +1 443\r\n", .malformed),
        Case("PROXY TCP4 203.0.113.7 nobody 56324 443\r\n", .malformed),
        Case("PROXY TCP4 203.0.113.7 192.0.2.1 56324\r\n", .malformed),
        Case("PROXY TCP4 2001:db8::5 2001:db8::1 1 443\r\n", .malformed),
        Case("PROXY TCP6 203.0.113.7 192.0.2.1 1 443\r\n", .malformed),
        Case("PROXY TCP6 fe80::1%eth0 ::1 1 443\r\n", .malformed),
        Case("PROXY UDP4 203.0.113.7 192.0.2.1 1 443\r\n", .malformed),
        Case("PROXY \r\n", .malformed),
        Case("proxy UNKNOWN\r\n", .malformed),
        Case("GET / HTTP/1.1\r\n", .malformed),
        Case("PROXYUNKNOWN\r\n", .malformed),
        Case("PROXY TCP4 " + String(repeating: "1", count: 95), .needMore),
        Case("PROXY TCP4 " + String(repeating: "1", count: 96), .malformed),
        Case("", .needMore),
    ]

    static let binaries: [Case] = [
        Case("TCP over IPv4", binary(0x21, 0x11, ipv4), .source("203.0.113.7")),
        Case("TCP over IPv6", binary(0x21, 0x21, ipv6), .source("2001:db8::5")),
        Case("with TLVs", binary(0x21, 0x11, ipv4 + [4, 0, 2, 1, 2]), .source("203.0.113.7")),
        Case("with broken TLVs", binary(0x21, 0x11, ipv4 + [4, 9, 9]), .source("203.0.113.7")),
        Case("UDP over IPv4", binary(0x21, 0x12, ipv4), .source(nil)),
        Case("UNIX", binary(0x21, 0x31, [UInt8](repeating: 1, count: 216)), .source(nil)),
        Case("unspecified", binary(0x21, 0x00, []), .source(nil)),
        Case("LOCAL", binary(0x20, 0x00, []), .source(nil)),
        Case("LOCAL with an address", binary(0x20, 0x11, ipv4), .source(nil)),
        Case("LOCAL of an unknown family", binary(0x20, 0xFF, [1, 2]), .source(nil)),
        Case("536 bytes", binary(0x21, 0x11, ipv4 + [UInt8](repeating: 4, count: 508)), .source("203.0.113.7")),
        Case("537 bytes", binary(0x21, 0x11, ipv4 + [UInt8](repeating: 4, count: 509)), .malformed),
        Case("65,551 bytes", binary(0x21, 0x11, ipv4, length: 65_535), .malformed),
        Case("version 1", binary(0x11, 0x11, ipv4), .malformed),
        Case("version 3", binary(0x31, 0x11, ipv4), .malformed),
        Case("command 2", binary(0x22, 0x11, ipv4), .malformed),
        Case("family 4", binary(0x21, 0x41, ipv4), .malformed),
        Case("transport 3", binary(0x21, 0x13, ipv4), .malformed),
        Case("too short for IPv4", binary(0x21, 0x11, Array(ipv4.dropLast())), .malformed),
        Case("too short for IPv6", binary(0x21, 0x21, Array(ipv6.dropLast())), .malformed),
        Case("too short for UNIX", binary(0x21, 0x31, ipv6), .malformed),
        Case("another signature", [0x0D, 0x0A, 0x0D, 0x0A, 1], .malformed),
        Case("TLS", [0x16, 0x03, 0x01, 0x02], .malformed),
    ]

    private func result(_ bytes: [UInt8]) -> (length: Int, Expected) {
        switch ProxyHeader.parse(bytes.span) {
        case .needMore: (0, .needMore)
        case .malformed: (0, .malformed)
        case .complete(let length, let source): (length, .source(source?.description))
        }
    }

    @Test(arguments: lines + binaries) func whole(_ one: Case) {
        let (length, found) = result(one.bytes)
        #expect(found == one.expected)
        if case .source = found { #expect(length == one.bytes.count) }
    }

    /// A beginning needs more, or shows already that it is bad; what follows a header is left alone.
    @Test(arguments: lines + binaries) func split(_ one: Case) {
        for cut in one.bytes.indices {
            let (_, found) = result(Array(one.bytes[..<cut]))
            #expect(found == .needMore || one.expected == .malformed && found == .malformed, "cut at \(cut)")
        }
        guard case .source = one.expected else { return }
        let (length, found) = result(one.bytes + [0x16, 0x03, 0x0A])
        #expect(found == one.expected)
        #expect(length == one.bytes.count)
    }

    @Test(arguments: 1...500) func noise(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        var bytes = (Self.lines + Self.binaries).randomElement(using: &random)?.bytes ?? []
        for _ in 0..<Int.random(in: 1...4, using: &random) where !bytes.isEmpty {
            bytes[Int.random(in: bytes.indices, using: &random)] = UInt8.random(in: 0...255, using: &random)
        }
        // Whatever it is, its beginnings agree with it: none of them is a header of another length.
        let (length, _) = result(bytes)
        for cut in bytes.indices where cut < length || length == 0 {
            let (early, _) = result(Array(bytes[..<cut]))
            #expect(early == 0 || early == length)
        }
    }
}
