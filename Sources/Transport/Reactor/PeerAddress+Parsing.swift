import CLinux
import Glibc

extension PeerAddress {
    /// An address as it is written, IPv4 or IPv6, without port and brackets; nil for anything else.
    package init?(parsing text: String) {
        // inet_pton reads up to a zero.
        guard !text.utf8.contains(0) else { return nil }
        var four = in_addr()
        if inet_pton(AF_INET, text, &four) == 1 {
            self.init(high: 0, low: 0xFFFF_0000_0000 | UInt64(UInt32(bigEndian: four.s_addr)))
            return
        }
        var six = in6_addr()
        guard inet_pton(AF_INET6, text, &six) == 1 else { return nil }
        self = withUnsafeBytes(of: six) { bytes in
            PeerAddress(
                high: bytes.loadUnaligned(as: UInt64.self).bigEndian,
                low: bytes.loadUnaligned(fromByteOffset: 8, as: UInt64.self).bigEndian)
        }
    }

    package var isIPv4: Bool { high == 0 && low >> 32 == 0xFFFF }

    /// What one customer of a provider usually has: the address itself, of IPv6 the first 64 bits.
    package var network: PeerAddress { isIPv4 ? self : PeerAddress(high: high, low: 0) }
}

/// A range of addresses, as `10.0.0.0/8` or `2001:db8::/32` (RFC 4632 §3.1, RFC 4291 §2.3).
package struct AddressRange: Hashable, Sendable {
    private let high: UInt64
    private let low: UInt64
    /// Of 128.
    private let prefixBits: Int

    /// A single address is a range too. Bits behind the prefix must be zero: else somebody has miscounted.
    package init?(_ text: String) {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        guard 1...2 ~= parts.count, let address = PeerAddress(parsing: String(parts[0])) else { return nil }
        let width = address.isIPv4 ? 32 : 128
        var bits = width
        if parts.count == 2 {
            guard let given = Int(parts[1]), 0...width ~= given, String(given) == parts[1] else { return nil }
            bits = given
        }
        prefixBits = 128 - width + bits
        (high, low) = (address.high, address.low)
        let mask = Self.mask(prefixBits)
        guard high & ~mask.high == 0, low & ~mask.low == 0 else { return nil }
    }

    package func contains(_ address: PeerAddress) -> Bool {
        let mask = Self.mask(prefixBits)
        return address.high & mask.high == high && address.low & mask.low == low
    }

    private static func mask(_ bits: Int) -> (high: UInt64, low: UInt64) {
        // Shifting by the whole width gives zero.
        (~UInt64(0) << UInt64(max(0, 64 - bits)), bits <= 64 ? 0 : ~UInt64(0) << UInt64(128 - bits))
    }
}
