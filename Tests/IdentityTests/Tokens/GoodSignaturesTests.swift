import Testing

@testable import Identity

@Suite struct GoodSignaturesTests {
    @Test func asManyAreKeptAsWanted() {
        let good = GoodSignatures(countMax: 4)
        func digest(_ number: UInt8) -> GoodSignatures.Digest { GoodSignatures.digest(of: [number]) }
        for number: UInt8 in 0..<4 {
            good.insert(digest(number))
            #expect(good.contains(digest(number)))
        }
        #expect(good.contains(digest(2)) && !good.contains(digest(100)))
        // What is asked for stays, what is not goes.
        for number: UInt8 in 4..<8 {
            #expect(good.contains(digest(2)))
            good.insert(digest(number))
        }
        #expect(good.contains(digest(2)) && good.contains(digest(7)))
        #expect((0..<2).allSatisfy { !good.contains(digest($0)) })
    }

    @Test func aChangedTokenIsNoGoodOne() throws {
        let directory = TemporaryDirectory()
        let authority = try TokenAuthority(directory: directory.path, issuer: "https://chat.example")
        let token = Array(authority.mint(userID: 7, sessionID: 1, scopes: .user, now: 1_000).utf8)
        for _ in 0..<2 { #expect(try authority.verify(token, now: 1_001).userID == 7) }
        #expect(throws: TokenError.expired) { try authority.verify(token, now: 1_000_000) }
        for index in [token.count - 2, token.count / 2] {
            var changed = token
            changed[index] = changed[index] == UInt8(ascii: "A") ? UInt8(ascii: "B") : UInt8(ascii: "A")
            #expect(throws: TokenError.self) { try authority.verify(changed, now: 1_001) }
        }
    }
}
