import Synchronization

/// Tokens whose signatures were found good, by their digests: a client that comes back brings the token that it had, and checking a signature is
/// most of what a CONNECT costs. Belongs to one set of keys. May be used on any thread.
final class GoodSignatures: Sendable {
    /// SHA-256, 32 bytes.
    typealias Digest = SIMD4<UInt64>

    /// When the newer half is full, the older one is forgotten; what is asked for becomes new again.
    private struct State {
        var newer: Set<Digest> = []
        var older: Set<Digest> = []
    }

    private let state = Mutex(State())
    private let halfCount: Int

    /// - Parameter countMax: how many are kept, 2 at least; each takes some 50 bytes.
    init(countMax: Int = 32_768) {
        precondition(countMax >= 2)
        halfCount = countMax / 2
    }

    func contains(_ digest: Digest) -> Bool {
        state.withLock { state in
            if state.newer.contains(digest) { return true }
            guard state.older.contains(digest) else { return false }
            insert(digest, &state)
            return true
        }
    }

    func insert(_ digest: Digest) { state.withLock { insert(digest, &$0) } }

    private func insert(_ digest: Digest, _ state: inout State) {
        if state.newer.count >= halfCount { state = State(newer: [], older: state.newer) }
        state.newer.insert(digest)
    }

    static func digest(of token: [UInt8]) -> Digest {
        let bytes = Secrets.sha256(token)
        var digest = Digest()
        for (index, byte) in bytes.enumerated() { digest[index / 8] = digest[index / 8] << 8 | UInt64(byte) }
        return digest
    }
}
