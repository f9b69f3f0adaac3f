import Testing

@testable import Transport

@Suite struct PeerAddressTests {
    @Test(arguments: [
        ("192.0.2.7", "192.0.2.7", "192.0.2.7"), ("::ffff:192.0.2.7", "192.0.2.7", "192.0.2.7"),
        ("2001:DB8:0:1:2::5", "2001:db8:0:1:2::5", "2001:db8:0:1::"), ("::1", "::1", "::"),
        ("::", "::", "::"), ("0.0.0.0", "0.0.0.0", "0.0.0.0"),
    ])
    func reads(_ text: String, _ written: String, _ network: String) {
        let address = PeerAddress(parsing: text)
        #expect(address?.description == written && address?.network.description == network)
    }

    @Test(arguments: [
        "", "1.2.3", "1.2.3.4.5", "256.1.1.1", "1.2.3.4 ", "[::1]", "1.2.3.4:80", "fe80::1%eth0", "host", "::1\u{0}",
    ])
    func isNoAddress(_ text: String) {
        #expect(PeerAddress(parsing: text) == nil)
    }

    @Test(arguments: [
        ("10.0.0.0/8", "10.255.0.1", true), ("10.0.0.0/8", "11.0.0.1", false), ("10.0.0.0/8", "::ffff:10.1.1.1", true),
        ("192.0.2.7", "192.0.2.7", true), ("192.0.2.7", "192.0.2.6", false), ("192.0.2.6/31", "192.0.2.7", true),
        ("0.0.0.0/0", "203.0.113.9", true), ("0.0.0.0/0", "2001:db8::1", false), ("::/0", "2001:db8::1", true),
        ("2001:db8::/32", "2001:db8:ffff::1", true), ("2001:db8::/32", "2001:db9::1", false),
        ("2001:db8::/64", "2001:db8:0:0:1::", true), ("2001:db8::/64", "2001:db8:0:1::", false),
        ("2001:db8::1:0/112", "2001:db8::1:ffff", true), ("2001:db8::1:0/112", "2001:db8::2:0", false),
        ("2001:db8::5", "2001:db8::5", true), ("2001:db8::5", "2001:db8::4", false),
    ])
    func range(_ range: String, _ address: String, _ contains: Bool) throws {
        let address = try #require(PeerAddress(parsing: address))
        #expect(try #require(AddressRange(range)).contains(address) == contains)
    }

    @Test(arguments: [
        "", "/8", "10.0.0.0/", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/08", "10.0.0.1/8", "::/129", "2001:db8::1/64",
        "a/8", "10.0.0.0/8/8",
    ])
    func isNoRange(_ text: String) {
        #expect(AddressRange(text) == nil)
    }
}
