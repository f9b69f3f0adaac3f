import COpenSSL

/// HS256: HMAC with SHA-256 (RFC 7518 §3.2). Who can verify can sign, too.
struct HMACKey: VerificationKey {
    /// As long as the digest: 256 bits.
    static let secretBytesMin = 32

    let algorithm = "HS256"
    private let secret: [UInt8]

    init(secret: [UInt8]) {
        precondition(secret.count >= Self.secretBytesMin)
        self.secret = secret
    }

    func isSignature(_ signature: [UInt8], of bytes: [UInt8]) -> Bool {
        Secrets.areEqual(Secrets.hmacSHA256(bytes, secret: secret), signature)
    }
}
