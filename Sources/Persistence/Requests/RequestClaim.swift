/// The right to do what a request with an `Idempotency-Key` asks for. One at a time has it.
package struct RequestClaim: Sendable {
    /// In whose name the present task changes the domain, if a request with a key is what it works on. It goes past all stores to
    /// `DomainContext.change`, which marks the request as decided in the transaction that decides it.
    @TaskLocal package static var current: RequestClaim?

    let key: RequestKey
    let number: Int64

    /// Another has taken the request over, since nothing was heard of this claim for the length of a lease: it must not be done twice.
    struct Lost: Error {}

    /// Marks the request as decided, or keeps the transaction from being committed.
    func decide(in transaction: Transaction) async throws {
        let rows = try await transaction.query(
            "UPDATE request_keys SET is_decided = true WHERE user_id = $1 AND digest = $2 AND claim = $3",
            [.int(key.userID), .bytes(key.digest), .int(number)])
        guard rows.affected == 1 else { throw Lost() }
    }
}

/// A user's `Idempotency-Key` for one method and path.
package struct RequestKey: Sendable {
    let userID: Int64
    /// SHA-256 of all three.
    let digest: [UInt8]

    package init(userID: Int64, digest: [UInt8]) {
        self.userID = userID
        self.digest = digest
    }
}

/// What was answered to a request, as far as a repeat gets it again.
package struct KeptAnswer: Sendable, Equatable {
    package var status: Int
    /// `NAME: VALUE`, one a line.
    package var headers: String
    package var body: [UInt8]

    package init(status: Int, headers: String, body: [UInt8]) {
        self.status = status
        self.headers = headers
        self.body = body
    }
}
