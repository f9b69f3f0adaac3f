import CLinux
import Glibc

/// What becomes of listeners when descriptors or memory run out.
extension Reactor where Handler: ~Copyable {
    /// Without a free descriptor the waiting connection would be reported for ever: takes it with the spare one and closes it.
    /// - Returns: false if another thread has taken the spare one.
    mutating func refuseOne(_ listener: Listener) -> Bool {
        close(spareDescriptor)
        let descriptor = accept4(listener.descriptor, nil, nil, Int32(SOCK_CLOEXEC.rawValue))
        if descriptor >= 0 { close(descriptor) }
        refused += 1
        spareDescriptor = open("/dev/null", O_RDONLY | O_CLOEXEC)
        return descriptor >= 0
    }

    mutating func pause(_ listener: Int32, _ code: Int32) {
        logger.warning("cannot accept a connection: \(SystemCallError(call: "accept4", code: code))")
        let key = ConnectionID(slot: listener, generation: Self.specialGeneration).token
        connections.poller.change(listeners[Int(listener)].descriptor, key: key, [])
        pausedListeners.append(listener)
    }

    mutating func resumeListeners() {
        if refused > 0 {
            logger.warning("no file descriptor was left for \(refused) connections; raise the limit (ulimit -n)")
            refused = 0
        }
        for listener in pausedListeners {
            let key = ConnectionID(slot: listener, generation: Self.specialGeneration).token
            connections.poller.change(listeners[Int(listener)].descriptor, key: key, .read)
        }
        pausedListeners.removeAll()
    }
}
