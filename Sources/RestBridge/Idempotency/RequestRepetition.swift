import Transport

/// Whether a route takes an `Idempotency-Key`, as its declaration says: one that creates something, and whose answer holds no secret.
enum RequestRepetition: Sendable {
    /// The header is not looked at. (On /messages it is a `client_ref`, which the route takes itself.)
    case notKept
    /// A repeat has the same query and body.
    case body
    /// A repeat has a file of the same name with the same bytes, however it is wrapped. Only success is kept: a file that was refused
    /// was not read to its end, so nothing tells whether another is the same.
    case file
}

extension HTTPRequest {
    /// The `Idempotency-Key`, without the quotes that it may have; nil: none. It has the rules of a `client_ref`, which it is on /messages.
    func idempotencyKey() throws(Problem) -> String? {
        let values = headers.filter { $0.name == "idempotency-key" }.map(\.value)
        guard let value = values.first else { return nil }
        guard values.count == 1 else { throw Problem(field: "Idempotency-Key", "is there more than once") }
        var key = value[...]
        if key.utf8.count >= 2, key.hasPrefix("\""), key.hasSuffix("\"") { key = key.dropFirst().dropLast() }
        guard 1...64 ~= key.utf8.count, key.utf8.allSatisfy({ 0x21...0x7E ~= $0 }) else {
            throw Problem(field: "Idempotency-Key", "must have 1 to 64 visible ASCII characters")
        }
        return String(key)
    }
}
