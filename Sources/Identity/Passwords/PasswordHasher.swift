package enum PasswordHasherError: Error, Sendable {
    /// Too many hashes wait (32), or one waited longer than 5 s: answer 503 with Retry-After.
    case saturated
}

/// scrypt on a small pool of threads of its own (security.md "Passwords"), so that log-ins never slow messages.
package final class PasswordHasher: Sendable {
    private let parameters: Scrypt
    private let pool: WorkerPool
    private let stopsPool: Bool
    /// Stands in for an unknown user's salt; what it is makes no difference.
    private let dummySalt = Secrets.randomBytes(StoredPassword.saltBytes)

    /// - Parameter costExponent: N = 2^costExponent; 16 in production, less in tests.
    package convenience init(costExponent: Int = 16, threads: Int = 1) {
        self.init(costExponent: costExponent, pool: WorkerPool(threads: threads))
    }

    init(costExponent: Int, pool: WorkerPool, stopsPool: Bool = true) {
        parameters = Scrypt(costExponent: costExponent, blockSize: 8, parallelism: 2)
        precondition(parameters.isReasonable, "a cost out of reason")
        self.pool = pool
        self.stopsPool = stopsPool
    }

    deinit {
        if stopsPool { pool.stop() }
    }

    /// The hash with its parameters and salt, as one string.
    package func hash(_ password: String) async throws(PasswordHasherError) -> String {
        let (parameters, password) = (parameters, Array(password.utf8))
        let text = await pool.run { () -> String? in
            let salt = Secrets.randomBytes(StoredPassword.saltBytes)
            let hash = parameters.derive(password, salt: salt, count: StoredPassword.hashBytes)
            return hash.map { StoredPassword(parameters: parameters, salt: salt, hash: $0).text }
        }
        guard let text = text ?? nil else { throw .saturated }
        return text
    }

    /// `rehash` is true when the stored hash has outdated parameters. A nil `stored` (unknown user) takes the same time
    /// and is false.
    package func verify(
        _ password: String, against stored: String?
    ) async throws(PasswordHasherError) -> (matches: Bool, rehash: Bool) {
        let (parameters, dummySalt, password) = (parameters, dummySalt, Array(password.utf8))
        let parsed = stored.flatMap(StoredPassword.init)
        let matches = await pool.run { () -> Bool? in
            let (used, salt) = (parsed?.parameters ?? parameters, parsed?.salt ?? dummySalt)
            let count = parsed?.hash.count ?? StoredPassword.hashBytes
            guard let hash = used.derive(password, salt: salt, count: count) else { return nil }
            guard let parsed else { return false }
            return Secrets.areEqual(hash, parsed.hash)
        }
        guard let matches = matches ?? nil else { throw .saturated }
        return (matches, matches && parsed?.parameters != parameters)
    }
}
