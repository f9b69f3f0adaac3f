import CLinux
import Glibc

/// A listening TCP socket. Every reactor has one of its own per port (SO_REUSEPORT): the kernel spreads connections, nobody hands
/// them over.
package struct Listener: Sendable {
    package struct Specification: Sendable {
        /// What the handler is told about each connection.
        package var tag: UInt8
        /// A numeric address; nil: all, IPv6 and IPv4.
        package var address: String?
        /// 0 takes a free one.
        package var port: UInt16
        package var isTLS: Bool
        /// Each connection begins with a header of the PROXY protocol.
        package var hasProxyHeader: Bool

        package init(tag: UInt8, address: String?, port: UInt16, isTLS: Bool, hasProxyHeader: Bool = false) {
            self.tag = tag
            self.address = address
            self.port = port
            self.isTLS = isTLS
            self.hasProxyHeader = hasProxyHeader
        }
    }

    package let descriptor: Int32
    package let port: UInt16
    package let tag: UInt8
    package let isTLS: Bool
    package let hasProxyHeader: Bool

    private static let backlog: Int32 = 4096

    /// Throws EADDRINUSE if somebody listens there already, which `init` would not notice.
    package static func checkIsFree(_ specification: Specification) throws(SystemCallError) {
        close(try Listener(specification, isShared: false).descriptor)
    }

    package init(_ specification: Specification) throws(SystemCallError) {
        try self.init(specification, isShared: true)
    }

    private init(_ specification: Specification, isShared: Bool) throws(SystemCallError) {
        let isIPv4 = specification.address.map { !$0.contains(":") } ?? false
        let family = isIPv4 ? AF_INET : AF_INET6
        let type = Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue)
        let descriptor = try systemCall("socket") { socket(family, type, 0) }!
        do throws(SystemCallError) {
            try Self.set(descriptor, SOL_SOCKET, SO_REUSEADDR, 1)
            if isShared { try Self.set(descriptor, SOL_SOCKET, SO_REUSEPORT, 1) }
            if !isIPv4 {
                try Self.set(descriptor, Int32(IPPROTO_IPV6), IPV6_V6ONLY, specification.address == nil ? 0 : 1)
            }
            try Self.bind(descriptor, isIPv4: isIPv4, specification)
            try systemCall("listen") { listen(descriptor, Self.backlog) }
            port = try Self.boundPort(descriptor)
        } catch {
            close(descriptor)
            throw error
        }
        self.descriptor = descriptor
        tag = specification.tag
        isTLS = specification.isTLS
        hasProxyHeader = specification.hasProxyHeader
    }

    private static func set(_ socket: Int32, _ level: Int32, _ option: Int32, _ value: Int32) throws(SystemCallError) {
        var value = value
        try systemCall("setsockopt") { setsockopt(socket, level, option, &value, socklen_t(MemoryLayout<Int32>.size)) }
    }

    private static func bind(_ socket: Int32, isIPv4: Bool, _ specification: Specification) throws(SystemCallError) {
        if isIPv4 {
            var address = sockaddr_in()
            address.sin_family = sa_family_t(AF_INET)
            address.sin_port = specification.port.bigEndian
            guard inet_pton(AF_INET, specification.address ?? "", &address.sin_addr) == 1 else {
                throw SystemCallError(call: "inet_pton", code: EINVAL)
            }
            try bind(socket, &address)
        } else {
            var address = sockaddr_in6()
            address.sin6_family = sa_family_t(AF_INET6)
            address.sin6_port = specification.port.bigEndian
            guard inet_pton(AF_INET6, specification.address ?? "::", &address.sin6_addr) == 1 else {
                throw SystemCallError(call: "inet_pton", code: EINVAL)
            }
            try bind(socket, &address)
        }
    }

    private static func bind<Address>(_ socket: Int32, _ address: inout Address) throws(SystemCallError) {
        let size = socklen_t(MemoryLayout<Address>.size)
        try withUnsafePointer(to: &address) { pointer throws(SystemCallError) in
            _ = try pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { generic throws(SystemCallError) in
                try systemCall("bind") { Glibc.bind(socket, generic, size) }
            }
        }
    }

    private static func boundPort(_ socket: Int32) throws(SystemCallError) -> UInt16 {
        var address = sockaddr_in6()
        var size = socklen_t(MemoryLayout<sockaddr_in6>.size)
        try withUnsafeMutablePointer(to: &address) { pointer throws(SystemCallError) in
            _ = try pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { generic throws(SystemCallError) in
                try systemCall("getsockname") { getsockname(socket, generic, &size) }
            }
        }
        // The port stands at the same place in sockaddr_in and sockaddr_in6.
        return UInt16(bigEndian: address.sin6_port)
    }
}
