/// RS256: RSASSA-PKCS1-v1_5 with SHA-256 (RFC 7518 §3.3).
struct RSAKey: VerificationKey {
    /// RFC 7518 §3.3.
    static let bitsMin = 2048
    /// With a longer one each token would cost milliseconds of an event loop.
    static let bitsMax = 8192
    /// What is used is 65,537; a longer exponent is of no use, and slow.
    static let exponentBytesMax = 8

    /// AlgorithmIdentifier of rsaEncryption (RFC 3279 §2.3.1).
    private static let algorithmIdentifier: [UInt8] = [
        0x30, 0x0D, 0x06, 0x09, 0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x01, 0x01, 0x05, 0x00,
    ]

    let algorithm = "RS256"
    private let key: PublicKey

    /// - Parameters: big-endian, without leading zeros.
    /// - Returns: nil if OpenSSL finds them to be no public key.
    init?(modulus: [UInt8], exponent: [UInt8]) {
        precondition(Self.bitsMin...Self.bitsMax ~= Self.bits(of: modulus) && exponent.count <= Self.exponentBytesMax)
        let numbers = DER.sequence(DER.integer(modulus), DER.integer(exponent))
        guard let key = PublicKey(info: DER.sequence(Self.algorithmIdentifier, DER.bitString(numbers))) else {
            return nil
        }
        self.key = key
    }

    /// The length of a number, given big-endian.
    static func bits(of number: [UInt8]) -> Int {
        let digits = number.drop { $0 == 0 }
        return digits.first.map { digits.count * 8 - $0.leadingZeroBitCount } ?? 0
    }

    func isSignature(_ signature: [UInt8], of bytes: [UInt8]) -> Bool { key.isSHA256Signature(signature, of: bytes) }
}
