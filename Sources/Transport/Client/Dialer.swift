import CLinux
import Diagnostics
import Glibc

/// Why no connection came about.
package struct DialError: Error, Sendable, CustomStringConvertible {
    package var description: String
}

/// Looks names up and connects, on a thread of its own for each time: both can take seconds, and only `poll` can be told how many.
package enum Dialer {
    /// - Parameters:
    ///   - host: a name or a numeric address.
    ///   - milliseconds: for each of the host's addresses, which are tried one after the other.
    ///   - completion: called once, on that thread.
    package static func dial(
        host: String, port: UInt16, milliseconds: Int64,
        completion: @escaping @Sendable (Result<DialedSocket, DialError>) -> Void
    ) {
        startThread("dial") { completion(connect(host, port, milliseconds)) }
    }

    private static func connect(
        _ host: String, _ port: UInt16, _ milliseconds: Int64
    ) -> Result<DialedSocket, DialError> {
        var hints = addrinfo()
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        hints.ai_flags = AI_ADDRCONFIG | AI_NUMERICSERV
        var found: UnsafeMutablePointer<addrinfo>?
        let failure = getaddrinfo(host, String(port), &hints, &found)
        guard failure == 0 else {
            return .failure(DialError(description: "\(host): \(String(cString: gai_strerror(failure)))"))
        }
        defer { freeaddrinfo(found) }
        var last = DialError(description: "\(host) has no address")
        var next = found
        while let address = next?.pointee {
            do throws(SystemCallError) {
                return .success(DialedSocket(try connect(address, milliseconds)))
            } catch {
                last = DialError(description: "\(host) port \(port): \(String(cString: strerror(error.code)))")
            }
            next = address.ai_next
        }
        return .failure(last)
    }

    private static func connect(_ address: addrinfo, _ milliseconds: Int64) throws(SystemCallError) -> Int32 {
        let type = Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue)
        let descriptor = try systemCall("socket") { socket(address.ai_family, type, 0) }!
        do throws(SystemCallError) {
            try connect(descriptor, address, milliseconds)
        } catch {
            close(descriptor)
            throw error
        }
        var one: Int32 = 1
        setsockopt(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &one, socklen_t(MemoryLayout<Int32>.size))
        return descriptor
    }

    private static func connect(
        _ descriptor: Int32, _ address: addrinfo, _ milliseconds: Int64
    ) throws(SystemCallError) {
        if Glibc.connect(descriptor, address.ai_addr, address.ai_addrlen) == 0 { return }
        // After a signal the connection goes on being made, as without one.
        guard errno == EINPROGRESS || errno == EINTR else { throw SystemCallError(call: "connect", code: errno) }
        let end = SystemClock.monotonicMilliseconds() + milliseconds
        var request = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
        while true {
            let rest = max(0, end - SystemClock.monotonicMilliseconds())
            let ready = poll(&request, 1, Int32(clamping: rest))
            if ready > 0 { break }
            if ready == 0 { throw SystemCallError(call: "connect", code: ETIMEDOUT) }
            precondition(errno == EINTR, "poll can fail for no other reason")
        }
        var code: Int32 = 0
        var size = socklen_t(MemoryLayout<Int32>.size)
        getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &code, &size)
        if code != 0 { throw SystemCallError(call: "connect", code: code) }
    }
}
