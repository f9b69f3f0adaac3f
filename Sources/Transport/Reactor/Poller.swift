import CLinux
import Glibc

/// An epoll instance and room for what it reports.
struct Poller: ~Copyable {
    struct Interest: OptionSet {
        var rawValue: UInt32
        static let read = Interest(rawValue: EPOLLIN.rawValue | EPOLLRDHUP.rawValue)
        static let write = Interest(rawValue: EPOLLOUT.rawValue)
        static let edge = Interest(rawValue: EPOLLET.rawValue)
    }

    struct Event {
        var key: UInt64
        var flags: UInt32
        var isReadable: Bool {
            flags & (EPOLLIN.rawValue | EPOLLRDHUP.rawValue | EPOLLHUP.rawValue | EPOLLERR.rawValue) != 0
        }
        var isWritable: Bool { flags & EPOLLOUT.rawValue != 0 }
        var isBroken: Bool { flags & (EPOLLHUP.rawValue | EPOLLERR.rawValue) != 0 }
    }

    private static let eventsMax = 512
    private let descriptor: Int32
    private let events = UnsafeMutablePointer<epoll_event>.allocate(capacity: eventsMax)

    init() throws(SystemCallError) {
        let descriptor = try systemCall("epoll_create1") { epoll_create1(Int32(EPOLL_CLOEXEC)) }
        self.descriptor = descriptor!
    }

    deinit {
        events.deallocate()
        close(descriptor)
    }

    /// - Returns: how many events there are; `event(at:)` reads them until the next call.
    mutating func wait(timeoutMilliseconds: Int32) -> Int {
        let count = epoll_wait(descriptor, events, Int32(Self.eventsMax), timeoutMilliseconds)
        precondition(count >= 0 || errno == EINTR, "epoll_wait can fail for no other reason")
        return Int(max(count, 0))
    }

    func event(at index: Int) -> Event {
        precondition(index < Self.eventsMax)
        return Event(key: confab_epoll_data(events + index), flags: events[index].events)
    }

    func add(_ socket: Int32, key: UInt64, _ interest: Interest) throws(SystemCallError) {
        var event = confab_epoll_event(interest.rawValue, key)
        try systemCall("epoll_ctl") { epoll_ctl(descriptor, EPOLL_CTL_ADD, socket, &event) }
    }

    func change(_ socket: Int32, key: UInt64, _ interest: Interest) {
        var event = confab_epoll_event(interest.rawValue, key)
        let result = epoll_ctl(descriptor, EPOLL_CTL_MOD, socket, &event)
        precondition(result == 0, "the socket is registered as long as it is open")
    }
}
