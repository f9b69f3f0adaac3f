import CLinux

/// The PROXY protocol's header, versions 1 and 2 (haproxy.org, doc/proxy-protocol.txt): what a proxy says about its client before the
/// client's first byte.
package enum ProxyHeader {
    package enum Result: Equatable {
        /// All of it is a beginning of a header.
        case needMore
        /// - source: the client's address; nil: the connection is the proxy's own, or of a kind that has no address.
        case complete(length: Int, source: PeerAddress?)
        case malformed
    }

    /// The longest line of version 1, its end included.
    static let lineBytesMax = 107
    /// What fits into the smallest segment that every host must take; a version 2 header is always sent as one.
    package static let bytesMax = 536

    private static let signature: [UInt8] = [0x0D, 0x0A, 0x0D, 0x0A, 0x00, 0x0D, 0x0A, 0x51, 0x55, 0x49, 0x54, 0x0A]

    /// Reads the header that `bytes` begin with; what follows it is left alone.
    package static func parse(_ bytes: Span<UInt8>) -> Result {
        guard bytes.count > 0 else { return .needMore }
        return bytes[0] == signature[0] ? parseBinary(bytes) : parseLine(bytes)
    }

    // MARK: Version 1

    private static func parseLine(_ bytes: Span<UInt8>) -> Result {
        for (index, byte) in "PROXY ".utf8.enumerated() {
            if index >= bytes.count { return .needMore }
            if bytes[index] != byte { return .malformed }
        }
        var line: [UInt8] = []
        for index in 0..<min(bytes.count, lineBytesMax) {
            let byte = bytes[index]
            if byte == UInt8(ascii: "\n") {
                guard line.last == UInt8(ascii: "\r") else { return .malformed }
                return parseFields(line.dropLast(), length: index + 1)
            }
            if line.last == UInt8(ascii: "\r") { return .malformed }
            line.append(byte)
        }
        return bytes.count < lineBytesMax ? .needMore : .malformed
    }

    private static func parseFields(_ line: ArraySlice<UInt8>, length: Int) -> Result {
        let fields = line.split(separator: UInt8(ascii: " "), omittingEmptySubsequences: false)
            .map { String(decoding: $0, as: UTF8.self) }
        // Whatever follows UNKNOWN is to be ignored.
        if fields[1] == "UNKNOWN" { return .complete(length: length, source: nil) }
        guard fields.count == 6, isPort(fields[4]), isPort(fields[5]), line.allSatisfy({ 0x20...0x7E ~= $0 }) else {
            return .malformed
        }
        let parse: (String) -> PeerAddress?
        switch fields[1] {
        case "TCP4": parse = PeerAddress.init(ipv4Text:)
        case "TCP6": parse = PeerAddress.init(ipv6Text:)
        default: return .malformed
        }
        guard let source = parse(fields[2]), parse(fields[3]) != nil else { return .malformed }
        return .complete(length: length, source: source)
    }

    /// Decimal, without leading zeros.
    private static func isPort(_ text: String) -> Bool { UInt16(text).map { String($0) == text } ?? false }

    // MARK: Version 2

    private static func parseBinary(_ bytes: Span<UInt8>) -> Result {
        for (index, byte) in signature.enumerated() {
            if index >= bytes.count { return .needMore }
            if bytes[index] != byte { return .malformed }
        }
        guard bytes.count > 12 else { return .needMore }
        let command = bytes[12] & 0x0F
        guard bytes[12] >> 4 == 2, command <= 1 else { return .malformed }
        guard bytes.count >= 16 else { return .needMore }
        let length = 16 + (Int(bytes[14]) << 8 | Int(bytes[15]))
        guard length <= bytesMax else { return .malformed }
        let (family, transport) = (bytes[13] >> 4, bytes[13] & 0x0F)
        // LOCAL: the proxy itself asks how we are; the rest of its header says nothing.
        if command == 1 {
            guard family <= 3, transport <= 2, length >= 16 + addressBytes(family, transport) else { return .malformed }
        }
        guard bytes.count >= length else { return .needMore }
        guard command == 1, transport == 1 else { return .complete(length: length, source: nil) }
        switch family {
        case 1:
            let address = number(bytes, at: 16, bytes: 4)
            return .complete(length: length, source: PeerAddress(ipv4: UInt32(address)))
        case 2:
            let high = number(bytes, at: 16, bytes: 8), low = number(bytes, at: 24, bytes: 8)
            return .complete(length: length, source: PeerAddress(high: high, low: low))
        default: return .complete(length: length, source: nil)
        }
    }

    /// Two addresses, with two ports but for UNIX.
    private static func addressBytes(_ family: UInt8, _ transport: UInt8) -> Int {
        guard transport != 0 else { return 0 }
        return switch family {
        case 1: 12
        case 2: 36
        case 3: 216
        default: 0
        }
    }

    private static func number(_ bytes: Span<UInt8>, at start: Int, bytes count: Int) -> UInt64 {
        (start..<(start + count)).reduce(0) { $0 << 8 | UInt64(bytes[$1]) }
    }
}

extension PeerAddress {
    init(ipv4 address: UInt32) { self.init(high: 0, low: 0xFFFF_0000_0000 | UInt64(address)) }

    /// Four numbers, without leading zeros.
    init?(ipv4Text text: String) {
        var address = in_addr()
        guard inet_pton(AF_INET, text, &address) == 1 else { return nil }
        self.init(ipv4: address.s_addr.bigEndian)
    }

    init?(ipv6Text text: String) {
        var address = in6_addr()
        guard inet_pton(AF_INET6, text, &address) == 1 else { return nil }
        self = withUnsafeBytes(of: address) { bytes in
            PeerAddress(
                high: bytes.loadUnaligned(as: UInt64.self).bigEndian,
                low: bytes.loadUnaligned(fromByteOffset: 8, as: UInt64.self).bigEndian)
        }
    }
}
