import CLinux
import Glibc
import Synchronization
import Testing

@testable import Transport

@Suite struct ReactorGuestTests {
    /// Counts what it is told, and wants so many turns in a row.
    private final class Guest: ReactorGuest {
        let descriptor = eventfd(0, Int32(EFD_CLOEXEC | EFD_NONBLOCK))
        let calls = Mutex<(movedIn: Int, readable: Int, turns: Int, ticks: Int, movedOut: Int)>((0, 0, 0, 0, 0))
        let wanted = Mutex(0)

        deinit { close(descriptor) }

        func moveIn() { calls.withLock { $0.movedIn += 1 } }
        func moveOut() { calls.withLock { $0.movedOut += 1 } }
        func tick() { calls.withLock { $0.ticks += 1 } }
        var hasWork: Bool { wanted.withLock { $0 > 0 } }

        func turn(isReadable: Bool) {
            wanted.withLock { $0 = max(0, $0 - 1) }
            var value: eventfd_t = 0
            if isReadable { eventfd_read(descriptor, &value) }
            calls.withLock { calls in
                calls.turns += 1
                calls.readable += isReadable ? 1 : 0
            }
        }
    }

    private func wait(for condition: () -> Bool) -> Bool {
        for _ in 0..<500 {
            if condition() { return true }
            usleep(10_000)
        }
        return false
    }

    @Test func livesOnTheReactorsThread() throws {
        let guest = Guest()
        var reactor: TestReactor? = try TestReactor(.sink, guest: guest)
        #expect(reactor?.ask { _ in 1 } == 1)
        #expect(guest.calls.withLock { $0.movedIn } == 1)
        eventfd_write(guest.descriptor, 1)
        #expect(wait { guest.calls.withLock { $0.readable == 1 } })
        #expect(wait { guest.calls.withLock { $0.ticks > 0 } })
        reactor = nil
        #expect(guest.calls.withLock { $0.movedOut } == 1)
    }

    /// Without a sleep in between, which a tick would end only after a quarter of a second.
    @Test func getsTurnsAsLongAsItHasWork() throws {
        let guest = Guest()
        let reactor = try TestReactor(.sink, guest: guest)
        guest.wanted.withLock { $0 = 1_000 }
        #expect(reactor.ask { _ in 1 } == 1)
        #expect(wait { !guest.hasWork })
    }

    /// What the reactor's own thread posts needs no wake, and is delivered.
    @Test func mailToItselfIsDelivered() throws {
        let reactor = try TestReactor(.sink)
        for round in 0..<20 {
            let answer = Journal()
            reactor.post { _ in reactor.post { _ in answer.note { $0.values.append(round) } } }
            #expect(answer.wait { $0.values == [round] })
        }
    }
}
