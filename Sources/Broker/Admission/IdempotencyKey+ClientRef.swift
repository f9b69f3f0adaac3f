import Identity
import Persistence

extension IdempotencyKey {
    /// 127 bits of the SHA-256 of a `client_ref`, and the top bit that tells it from the hub's own ids.
    init(clientRef: [UInt8]) {
        let digest = Secrets.sha256(clientRef)
        var words: [UInt64] = [0, 0]
        for index in 0..<16 { words[index / 8] = words[index / 8] << 8 | UInt64(digest[index]) }
        self.init(high: words[0] | 1 << 63, low: words[1])
    }
}
