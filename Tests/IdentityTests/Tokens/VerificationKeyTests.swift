import JSON
import Testing

@testable import Identity

/// The algorithms: with the vectors of the RFCs, and with keys of OpenSSL.
@Suite struct VerificationKeyTests {
    struct Vector: Sendable, CustomTestStringConvertible {
        var name: String
        /// A JWK, or `oct` and the secret.
        var key: String
        var token: String
        var testDescription: String { name }
    }

    /// The payload of RFC 7515 appendix A, and that of RFC 7520.
    private static let joe =
        "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ"
    private static let frodo =
        "SXTigJlzIGEgZGFuZ2Vyb3VzIGJ1c2luZXNzLCBGcm9kbywgZ29pbmcgb3V0IHlvdXIgZG9vci4gWW91IHN0ZXAgb250byB0aGUgcm9hZCwgYW5kIGlmIHlv"
        + "dSBkb24ndCBrZWVwIHlvdXIgZmVldCwgdGhlcmXigJlzIG5vIGtub3dpbmcgd2hlcmUgeW91IG1pZ2h0IGJlIHN3ZXB0IG9mZiB0by4"

    static let vectors = [
        Vector(
            name: "RFC 7515 A.1, HS256",
            key: "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow",
            token: "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.\(joe).dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"),
        Vector(
            name: "RFC 7515 A.2, RS256",
            key:
                #"{"kty":"RSA","n":"ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL"#
                + #"-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7W"#
                + #"TBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAc"#
                + #"DTW9gb54h4FRWyuXpoQ","e":"AQAB"}"#,
            token: "eyJhbGciOiJSUzI1NiJ9.\(joe)."
                + "cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1"
                + "dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzD"
                + "wusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe7"
                + "7Rw"),
        Vector(
            name: "RFC 7515 A.3, ES256",
            key: #"{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","#
                + #""y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}"#,
            token: "eyJhbGciOiJFUzI1NiJ9.\(joe)."
                + "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q"),
        Vector(
            name: "RFC 7520 4.1, RS256",
            key:
                #"{"kty":"RSA","kid":"bilbo.baggins@hobbiton.example","use":"sig","n":"n4EPtAOCc9AlkeQHPzHStgAbgs7bTZLwUBZdR8_KuKPEHL"#
                + #"d4rHVTeT-O-XV2jRojdNhxJWTDvNd7nqQ0VEiZQHz_AJmSCpMaJMRBSFKrKb2wqVwGU_NsYOYL-QtiWN2lbzcEe6XC0dApr5ydQLrHqkHHig3RBor"#
                + #"daZ6Aj-oBHqFEHYpPe7Tpe-OfVfHd1E6cS6M1FZcD1NNLYD5lFHpPI9bTwJlsde3uhGqC0ZCuEHg8lhzwOHrtIQbS0FVbb9k3-tVTU4fg_3L_vniU"#
                + #"FAKwuCLqKnS2BYwdq_mzSnbLY7h_qixoR7jig3__kRhuaxwUkRz5iaiQkqgc5gHdrNP5zw","e":"AQAB"}"#,
            token: "eyJhbGciOiJSUzI1NiIsImtpZCI6ImJpbGJvLmJhZ2dpbnNAaG9iYml0b24uZXhhbXBsZSJ9.\(frodo)."
                + "MRjdkly7_-oTPTS3AXP41iQIGKa80A0ZmTuV5MEaHoxnW2e5CZ5NlKtainoFmKZopdHM1O2U4mwzJdQx996ivp83xuglII7PNDi84wnB-BDkoBwA7"
                + "8185hX-Es4JIwmDLJK3lfWRa-XtL0RnltuYv746iYTh_qHRD68BNt1uSNCrUCTJDt5aAE6x8wW1Kt9eRo4QPocSadnHXFxnt8Is9UzpERV0ePPQdL"
                + "uW3IS_de3xyIrDaLGdjluPxUAhb6L2aXic1U12podGU0KLUQSE_oI-ZnmKJ3F4uOZDnd6QZWJushZ41Axf_fcIe8u9ipH84ogoree7vjbU5y18kDq"
                + "uDg"),
        Vector(
            name: "RFC 7520 4.4, HS256", key: "hJtXIZ2uSN5kbQfbtTNWbpdmhkV8FJG-Onbc6mxCcYg",
            token: "eyJhbGciOiJIUzI1NiIsImtpZCI6IjAxOGMwYWU1LTRkOWItNDcxYi1iZmQ2LWVlZjMxNGJjNzAzNyJ9.\(frodo)."
                + "s0h6KThzkfBBBkLspW1h84VsJZFTsPPqMDA7g1Md7p0"),
        Vector(
            name: "RFC 8037 A.4, EdDSA",
            key: #"{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#,
            token: "\(Ed25519KeyTests.header).\(Ed25519KeyTests.payload).\(Ed25519KeyTests.signature)"),
    ]

    private func key(_ text: String) throws -> any VerificationKey {
        guard text.hasPrefix("{") else {
            return HMACKey(secret: try #require(Base64URL.decode(text.utf8)))
        }
        let set = try JSONValue(parsing: Array("[\(text)]".utf8))
        guard case .sole(let key, _) = try JSONWebKey.keys(in: set) else { throw Flaw("several keys") }
        return key
    }

    @Test(arguments: vectors) func vectorsOfTheRFCs(_ vector: Vector) throws {
        let key = try key(vector.key)
        let parts = vector.token.split(separator: ".").map(String.init)
        #expect(vector.name.hasSuffix(key.algorithm))
        let signature = try #require(Base64URL.decode(parts[2].utf8))
        try check(key, signature, Array("\(parts[0]).\(parts[1])".utf8))
    }

    @Test(arguments: TestSigner.Algorithm.allCases) func keysOfOpenSSL(_ algorithm: TestSigner.Algorithm) throws {
        // Half of all numbers in ECDSA signatures have their first bit set, and one in 256 begins with a zero byte.
        let signer = TestSigner.shared[algorithm]!
        let key = try key(algorithm == .hs256 ? Base64URL.encode(Array(signer.secret.utf8)) : signer.jwk())
        for index in 0..<(algorithm == .es256 ? 600 : 3) {
            let bytes = Array("message \(index)".utf8)
            #expect(key.isSignature(signer.sign(bytes), of: bytes))
        }
        let bytes = Array("message".utf8)
        try check(key, signer.sign(bytes), bytes)
        let other = TestSigner(algorithm)
        if algorithm != .hs256 { #expect(!key.isSignature(other.sign(bytes), of: bytes)) }
    }

    /// A signature that is good, and what must not be.
    private func check(_ key: any VerificationKey, _ signature: [UInt8], _ bytes: [UInt8]) throws {
        #expect(key.isSignature(signature, of: bytes))
        #expect(!key.isSignature(signature, of: bytes + [0]) && !key.isSignature(signature, of: []))
        for index in signature.indices {
            var changed = signature
            changed[index] ^= 0x10
            #expect(!key.isSignature(changed, of: bytes), "byte \(index)")
        }
        let others: [[UInt8]] = [
            [], signature + [0], [0] + signature, Array(signature.dropLast()), Array(signature.dropFirst()),
            signature + signature, [UInt8](repeating: 0, count: signature.count),
            [UInt8](repeating: 0xFF, count: signature.count),
        ]
        for other in others { #expect(!key.isSignature(other, of: bytes), "\(other.count) bytes") }
    }

    /// RFC 7518 §3.4: two numbers of 32 bytes, and nothing else; each from 1 to the order of the curve.
    @Test func signaturesOfES256() throws {
        let signer = TestSigner.shared[.es256]!
        let key = try key(signer.jwk())
        let bytes = Array("message".utf8)
        #expect(!key.isSignature(signer.rawSignature(of: bytes), of: bytes), "DER")
        let signature = signer.sign(bytes)
        let zero = [UInt8](repeating: 0, count: 32), one: [UInt8] = zero.dropLast() + [1]
        let order: [UInt8] =
            [0xFF, 0xFF, 0xFF, 0xFF, 0, 0, 0, 0] + [UInt8](repeating: 0xFF, count: 8) + [
                0xBC, 0xE6, 0xFA, 0xAD, 0xA7, 0x17, 0x9E, 0x84, 0xF3, 0xB9, 0xCA, 0xC2, 0xFC, 0x63, 0x25, 0x51,
            ]
        let halves = [Array(signature[..<32]), Array(signature[32...])]
        for number in [zero, one, order] {
            for other: [UInt8] in [number] + halves {
                let pairs: [[UInt8]] = [number + other, other + number]
                for pair in pairs { #expect(!key.isSignature(pair, of: bytes)) }
            }
        }
    }

    @Test func numbersInDER() {
        #expect(DER.integer([]) == [2, 1, 0] && DER.integer([0, 0]) == [2, 1, 0])
        #expect(DER.integer([0, 1]) == [2, 1, 1] && DER.integer([0x80]) == [2, 2, 0, 0x80])
        #expect(DER.sequence(DER.integer([1]), DER.bitString([5])) == [0x30, 7, 2, 1, 1, 3, 2, 0, 5])
        let long = DER.integer([UInt8](repeating: 1, count: 300))
        #expect(long[..<4] == [2, 0x82, 1, 0x2C] && long.count == 304)
        #expect(DER.integer([UInt8](repeating: 1, count: 200))[..<3] == [2, 0x81, 200])
    }
}
