import COpenSSL

/// scrypt (RFC 7914) and its parameters.
struct Scrypt: Equatable, Sendable {
    /// N = 2^costExponent.
    var costExponent: Int
    var blockSize: Int
    var parallelism: Int

    /// What a stored hash may ask for; more would let a damaged row take the machine's memory.
    var isReasonable: Bool {
        1...20 ~= costExponent && 1...32 ~= blockSize && 1...16 ~= parallelism
    }

    /// Nil if there is not enough memory.
    func derive(_ password: [UInt8], salt: [UInt8], count: Int) -> [UInt8]? {
        precondition(isReasonable && count > 0)
        let cost = UInt64(1) << UInt64(costExponent)
        // RFC 7914 §5 and §6: 128·r bytes for each of N blocks and of p lanes, and the working blocks; OpenSSL's own
        // bound is 32 MiB.
        let memoryMax = 128 * UInt64(blockSize) * (cost + UInt64(parallelism) + 4)
        var key = [UInt8](repeating: 0, count: count)
        let result = password.withUnsafeBytes { password in
            EVP_PBE_scrypt(
                password.baseAddress?.assumingMemoryBound(to: CChar.self), password.count, salt, salt.count, cost,
                UInt64(blockSize), UInt64(parallelism), memoryMax, &key, count)
        }
        if result == 1 { return key }
        ERR_clear_error()
        return nil
    }
}
