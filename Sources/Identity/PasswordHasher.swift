package enum PasswordHasherError: Error, Sendable {
    /// Too many hashes wait (32), or one waited longer than 5 s: answer 503 with Retry-After.
    case saturated
}

/// scrypt on a small pool of threads of its own (security.md "Passwords"), so that log-ins never slow messages.
package final class PasswordHasher: Sendable {
    /// - Parameter costExponent: N = 2^costExponent; 16 in production, less in tests.
    package init(costExponent: Int = 16, threads: Int = 1) {
        fatalError("replaced by the identity work")
    }

    /// The hash with its parameters and salt, as one string.
    package func hash(_ password: String) async throws(PasswordHasherError) -> String {
        fatalError("replaced by the identity work")
    }

    /// `rehash` is true when the stored hash has outdated parameters. A nil `stored` (unknown user) takes the same time and is false.
    package func verify(_ password: String, against stored: String?) async throws(PasswordHasherError) -> (matches: Bool, rehash: Bool) {
        fatalError("replaced by the identity work")
    }
}
