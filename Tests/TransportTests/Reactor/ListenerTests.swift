import Glibc
import Testing

@testable import Transport

@Suite struct ListenerTests {
    private func specification(_ address: String?, _ port: UInt16 = 0) -> Listener.Specification {
        Listener.Specification(tag: 1, address: address, port: port, isTLS: false)
    }

    @Test(arguments: ["127.0.0.1", "::1", nil]) func tellsAPortThatIsTaken(_ address: String?) throws {
        let first = try Listener(specification(address))
        #expect(first.port != 0)
        #expect(throws: SystemCallError.self) { try Listener.checkIsFree(specification(address, first.port)) }
        // Reactors share a port.
        let second = try Listener(specification(address, first.port))
        #expect(second.port == first.port)
        close(first.descriptor)
        close(second.descriptor)
        try Listener.checkIsFree(specification(address, first.port))
    }

    @Test(arguments: ["localhost", "127.0.0.256", "1::2::3", "", "127.0.0.1:80"])
    func refusesWhatIsNoAddress(_ address: String) {
        #expect(throws: SystemCallError.self) { try Listener(specification(address)) }
    }

    @Test func allAddressesIncludeThoseOfIPv4() throws {
        let reactor = try TestReactor(.echo, address: nil)
        let client = try TestSocket(port: reactor.port)
        try client.send("x")
        #expect(try client.receive(exactly: 1).count == 1)
        #expect(reactor.journal.now.peers.map(\.description) == ["127.0.0.1"])
    }

    @Test(arguments: [
        (0 as UInt64, 0xFFFF_7F00_0001 as UInt64, "127.0.0.1"), (0, 0xFFFF_FFFF_FFFF, "255.255.255.255"), (0, 1, "::1"),
        (0x2001_0DB8_0000_0000, 0xFF, "2001:db8::ff"), (0xFE80_0000_0000_0000, 0, "fe80::"),
    ])
    func writesAddresses(high: UInt64, low: UInt64, text: String) {
        #expect(PeerAddress(high: high, low: low).description == text)
    }

    @Test(arguments: [(0, 0), (1, 7), (.max, .max), (-1, .max)] as [(Int32, UInt32)])
    func connectionIDsPassAsTokens(slot: Int32, generation: UInt32) {
        let id = ConnectionID(slot: slot, generation: generation)
        #expect(ConnectionID(token: id.token) == id)
    }
}
