/// ES256: ECDSA on the curve P-256 with SHA-256 (RFC 7518 §3.4).
struct P256Key: VerificationKey {
    static let coordinateBytes = 32

    /// AlgorithmIdentifier of a key on P-256 (RFC 5480 §2.1.1).
    private static let algorithmIdentifier: [UInt8] = [
        0x30, 0x13, 0x06, 0x07, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x02, 0x01, 0x06, 0x08, 0x2A, 0x86, 0x48, 0xCE, 0x3D,
        0x03, 0x01, 0x07,
    ]

    let algorithm = "ES256"
    private let key: PublicKey

    /// - Parameters: of 32 bytes each (RFC 7518 §6.2.1.2).
    /// - Returns: nil if the point is not on the curve.
    init?(x: [UInt8], y: [UInt8]) {
        precondition(x.count == Self.coordinateBytes && y.count == Self.coordinateBytes)
        // SEC 1 §2.3.3: 4 stands before both coordinates.
        let point = DER.bitString([4] + x + y)
        guard let key = PublicKey(info: DER.sequence(Self.algorithmIdentifier, point)) else { return nil }
        self.key = key
    }

    /// - Parameter signature: both numbers, of 32 bytes each, one behind the other; OpenSSL wants them as a SEQUENCE (RFC 3279 §2.2.3).
    func isSignature(_ signature: [UInt8], of bytes: [UInt8]) -> Bool {
        guard signature.count == 2 * Self.coordinateBytes else { return false }
        let numbers = DER.sequence(
            DER.integer(signature.prefix(Self.coordinateBytes)), DER.integer(signature.suffix(Self.coordinateBytes)))
        return key.isSHA256Signature(numbers, of: bytes)
    }
}
