/// Why a token is refused. Peers are told no more than that.
package enum TokenError: Error, Sendable, Equatable {
    /// No JWT, or claims that are missing or of the wrong kind.
    case malformed
    /// Wrong signature, algorithm, issuer, audience or type, unknown key, or from the future.
    case invalid
    case expired
}
