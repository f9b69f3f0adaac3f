import Glibc
import Testing

@testable import Transport

/// Each test is a process of its own, because the limit is the process's.
@Suite struct DescriptorTests {
    private static func limitDescriptors(to count: Int) {
        var limit = rlimit()
        getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
        limit.rlim_cur = rlim_t(count)
        precondition(setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0)
    }

    private static func require(_ isTrue: Bool) { precondition(isTrue) }

    /// A reactor with a connection that works, and one that waits to be accepted.
    private final class Scene {
        let reactor: TestReactor
        let working: TestSocket
        let waiting: TestSocket
        private let gate = Journal()

        init() throws {
            reactor = try TestReactor(.echo)
            working = try TestSocket(port: reactor.port)
            precondition(reactor.first() != nil)
            reactor.post { [gate] _ in _ = gate.wait { $0.calls == 1 } }
            waiting = try TestSocket(port: reactor.port)
        }

        func goOn() { gate.note { $0.calls = 1 } }

        /// Once there are descriptors again, everything is as before.
        func checkWorks() throws {
            limitDescriptors(to: 1000)
            for socket in [working, try TestSocket(port: reactor.port)] {
                try socket.send("x")
                require(try socket.receive(exactly: 1).count == 1)
            }
        }
    }

    @Test func closesTheConnectionThatFindsNoDescriptor() async {
        await #expect(processExitsWith: .success) {
            let scene = try Scene()
            Self.limitDescriptors(to: Int(scene.waiting.descriptor) + 8)
            var fillers: [Int32] = []
            while case let filler = dup(0), filler >= 0 { fillers.append(filler) }
            scene.goOn()
            Self.require(try scene.waiting.receive().isEmpty)
            for filler in fillers { close(filler) }
            try scene.checkWorks()
        }
    }

    /// Not even the spare descriptor helps: the listener rests until the next tick, and the loop does not spin.
    @Test func restsWhenItCannotAccept() async {
        await #expect(processExitsWith: .success) {
            let scene = try Scene()
            Self.limitDescriptors(to: 3)
            let before = scene.reactor.journal.now.turns
            scene.reactor.post { io in io.setDeadline(0, at: io.now + 600) }
            scene.goOn()
            precondition(scene.reactor.journal.wait { $0.deadlines.count == 1 })
            precondition(scene.reactor.journal.now.turns - before < 50)
            Self.limitDescriptors(to: 1000)
            try scene.waiting.send("y")
            Self.require(try scene.waiting.receive(exactly: 1).count == 1)
            try scene.checkWorks()
        }
    }
}
