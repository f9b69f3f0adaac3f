import CLinux
import Glibc

/// Who is at the other end: an IPv4 or IPv6 address without its port.
package struct PeerAddress: Hashable, Sendable, CustomStringConvertible {
    /// The 16 bytes of the IPv6 address; IPv4 as `::ffff:a.b.c.d`.
    package var high: UInt64
    package var low: UInt64

    package init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }

    private static let mappedPrefix: UInt64 = 0xFFFF_0000_0000

    init(_ storage: sockaddr_storage) {
        self = withUnsafeBytes(of: storage) { bytes in
            if Int32(storage.ss_family) == AF_INET {
                let address = bytes.loadUnaligned(fromByteOffset: 4, as: UInt32.self).bigEndian
                return PeerAddress(high: 0, low: Self.mappedPrefix | UInt64(address))
            }
            return PeerAddress(
                high: bytes.loadUnaligned(fromByteOffset: 8, as: UInt64.self).bigEndian,
                low: bytes.loadUnaligned(fromByteOffset: 16, as: UInt64.self).bigEndian)
        }
    }

    package var description: String {
        if high == 0, low >> 32 == 0xFFFF {
            return (0..<4).map { "\((low >> (24 - 8 * $0)) & 0xFF)" }.joined(separator: ".")
        }
        var address = in6_addr()
        withUnsafeMutableBytes(of: &address) { bytes in
            bytes.storeBytes(of: high.bigEndian, as: UInt64.self)
            bytes.storeBytes(of: low.bigEndian, toByteOffset: 8, as: UInt64.self)
        }
        return withUnsafeTemporaryAllocation(of: CChar.self, capacity: Int(INET6_ADDRSTRLEN)) { text in
            inet_ntop(AF_INET6, &address, text.baseAddress, socklen_t(text.count))
            return String(cString: text.baseAddress!)
        }
    }
}
