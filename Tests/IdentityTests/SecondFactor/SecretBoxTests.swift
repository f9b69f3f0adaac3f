import Glibc
import Testing

@testable import Identity

@Suite struct SecretBoxTests {
    private static let plain = Array("a secret".utf8)

    @Test func theKeyIsMadeOnceAndClosed() throws {
        let directory = TemporaryDirectory()
        let sealed = try SecretBox(directory: directory.path).seal(Self.plain, context: "a")
        #expect(directory.files("keys") == ["secrets.key"] && directory.mode("keys/secrets.key") == 0o600)
        #expect(try SecretBox(directory: directory.path).open(sealed, context: "a") == Self.plain)
        // It is no signing key.
        _ = try TokenAuthority(directory: directory.path, issuer: "https://hub.example")
        #expect(directory.files("keys").count == 2)
    }

    @Test func aDamagedKeyIsNoKey() throws {
        let directory = TemporaryDirectory()
        _ = try SecretBox(directory: directory.path)
        directory.write("short", to: "keys/secrets.key")
        #expect(throws: KeyDirectoryError.notASecretKey(path: "\(directory.path)/keys/secrets.key")) {
            try SecretBox(directory: directory.path)
        }
    }

    @Test func opensOnlyWhatItSealedHere() {
        let box = SecretBox(key: Secrets.randomBytes(32)), other = SecretBox(key: Secrets.randomBytes(32))
        for plain in [[], Self.plain, Secrets.randomBytes(5000)] {
            let sealed = box.seal(plain, context: "user 1")
            #expect(box.open(sealed, context: "user 1") == plain)
            #expect(sealed != box.seal(plain, context: "user 1"), "each has its own nonce")
            #expect(box.open(sealed, context: "user 2") == nil)
            #expect(other.open(sealed, context: "user 1") == nil)
            #expect(box.open(Array(sealed.dropLast()), context: "user 1") == nil)
        }
    }

    @Test func everyBitCounts() {
        let box = SecretBox(key: Secrets.randomBytes(32))
        let sealed = box.seal(Self.plain, context: "")
        for index in sealed.indices {
            for bit in 0..<8 {
                var changed = sealed
                changed[index] ^= 1 << bit
                #expect(box.open(changed, context: "") == nil, "byte \(index), bit \(bit)")
            }
        }
        for count in 0..<30 { #expect(box.open(Array(sealed.prefix(count)), context: "") == nil) }
    }
}
