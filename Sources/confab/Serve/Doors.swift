import CLinux
import Glibc
import Transport

/// The listening sockets of all reactors, bound before anything else starts: what is wrong with a port shows at once.
struct Doors {
    /// By reactor.
    private(set) var listeners: [[Listener]] = []
    private(set) var ports: [Worker.Door: UInt16] = [:]

    struct Failure: Error, CustomStringConvertible {
        var description: String
    }

    init(_ options: Options) throws(Failure) {
        listeners = Array(repeating: [], count: options.reactors)
        for door in Worker.Door.allCases {
            guard case .number(let number) = options.port(of: door) else { continue }
            let address = door == .ops ? "127.0.0.1" : options.bind
            let isTLS = door == .mqtts || door == .https
            var specification = Listener.Specification(
                tag: door.rawValue, address: address, port: number, isTLS: isTLS,
                hasProxyHeader: options.proxyProtocol.contains(door))
            do throws(SystemCallError) {
                // With SO_REUSEPORT a second hub would share the port in silence.
                if number != 0 { try Listener.checkIsFree(specification) }
                for reactor in 0..<(door == .ops ? 1 : options.reactors) {
                    let listener = try Listener(specification)
                    specification.port = listener.port
                    ports[door] = listener.port
                    listeners[reactor].append(listener)
                }
            } catch {
                throw Failure(description: "port \(number) (--\(door)) of \(address ?? "all addresses"): \(error)")
            }
        }
    }

    /// `mqtts=127.0.0.1:8883 https=…`
    func description(_ options: Options) -> String {
        Worker.Door.allCases.compactMap { door in
            ports[door].map { port in
                let address = door == .ops ? "127.0.0.1" : options.bind ?? "0.0.0.0"
                return "\(door)=" + (address.contains(":") ? "[\(address)]" : address) + ":\(port)"
            }
        }.joined(separator: " ")
    }
}

extension Options {
    func port(of door: Worker.Door) -> Port {
        switch door {
        case .mqtts: mqtts
        case .mqtt: mqtt
        case .https: https
        case .http: http
        case .ops: ops
        }
    }

    /// True if nobody but this machine can connect.
    var isLoopbackOnly: Bool { bind.map { $0.hasPrefix("127.") || $0 == "::1" } ?? false }
}
