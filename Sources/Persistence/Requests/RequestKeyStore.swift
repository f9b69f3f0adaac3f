/// Requests with an `Idempotency-Key`: who works on them, and what was answered.
///
/// Whoever takes a request up writes a row first. The transaction that does what was asked for sets `is_decided` in it, so the two are
/// committed together or not at all. Then the answer is written. A crash before that transaction leaves a lease that runs out, and the request
/// can be made again; a crash after it leaves a request that is decided and has no answer, which is never made again.
package struct RequestKeyStore: Sendable {
    /// rest.md: kept 24 hours.
    static let lifetimeMilliseconds: Int64 = 24 * 3_600_000
    /// A request of which nothing is heard for so long is no longer worked on. Its owner moves this on at a third of it.
    package static let leaseMilliseconds: Int64 = 30_000

    package enum State: Sendable {
        /// It is the caller's to do.
        case claimed(RequestClaim)
        /// - Parameter fingerprint: nil: what was sent is still arriving.
        case inProgress(fingerprint: [UInt8]?, leaseMilliseconds: Int64)
        /// It was done, and whoever did it could not write down the answer.
        case decided(fingerprint: [UInt8]?)
        case answered(KeptAnswer, fingerprint: [UInt8])
    }

    private let context: DomainContext

    package init(context: DomainContext) { self.context = context }

    /// - Parameter fingerprint: SHA-256 of what is sent, if that is known yet.
    package func claim(_ key: RequestKey, _ fingerprint: [UInt8]?) async throws(DatabaseError) -> State {
        let claim = RequestClaim(key: key, number: context.ids.next())
        while true {
            if try await insert(claim, fingerprint) { return .claimed(claim) }
            // Nil: it was given up in between.
            if let state = try await state(of: key) { return state }
        }
    }

    private func insert(_ claim: RequestClaim, _ fingerprint: [UInt8]?) async throws(DatabaseError) -> Bool {
        let now = context.now()
        let rows = try await context.database.query(
            """
            INSERT INTO request_keys AS k (user_id, digest, claim, fingerprint, lease_until, expires_at)
            VALUES ($1, $2, $3, $4::bytea, $5, $6)
            ON CONFLICT (user_id, digest) DO UPDATE SET claim = excluded.claim, lease_until = excluded.lease_until,
                expires_at = excluded.expires_at, fingerprint = excluded.fingerprint, is_decided = false,
                status = NULL, headers = NULL, body = NULL
                WHERE k.expires_at <= $7 OR k.status IS NULL AND NOT k.is_decided AND k.lease_until <= $7
            """,
            [
                .int(claim.key.userID), .bytes(claim.key.digest), .int(claim.number),
                fingerprint.map { .bytes($0) } ?? .null, .int(now + Self.leaseMilliseconds),
                .int(now + Self.lifetimeMilliseconds), .int(now),
            ])
        return rows.affected == 1
    }

    private func state(of key: RequestKey) async throws(DatabaseError) -> State? {
        let rows = try await context.database.query(
            """
            SELECT status, headers, body, fingerprint, is_decided, lease_until FROM request_keys
            WHERE user_id = $1 AND digest = $2
            """, [.int(key.userID), .bytes(key.digest)])
        guard rows.count == 1 else { return nil }
        let fingerprint = rows.isNull(0, 3) ? nil : rows.bytes(0, 3)
        if !rows.isNull(0, 0), let fingerprint {
            let answer = KeptAnswer(status: Int(rows.int(0, 0)), headers: rows.text(0, 1), body: rows.bytes(0, 2))
            return .answered(answer, fingerprint: fingerprint)
        }
        // While its owner lives, the answer is on its way.
        let lease = rows.int(0, 5) - context.now()
        if rows.bool(0, 4), lease <= 0 { return .decided(fingerprint: fingerprint) }
        return .inProgress(fingerprint: fingerprint, leaseMilliseconds: max(lease, 1))
    }

    /// Somebody still works on it.
    package func renew(_ claim: RequestClaim) async throws(DatabaseError) {
        _ = try await context.database.query(
            "UPDATE request_keys SET lease_until = $4 WHERE user_id = $1 AND digest = $2 AND claim = $3",
            [
                .int(claim.key.userID), .bytes(claim.key.digest), .int(claim.number),
                .int(context.now() + Self.leaseMilliseconds),
            ])
    }

    /// Keeps the answer for repeats.
    package func keep(
        _ answer: KeptAnswer, fingerprint: [UInt8], of claim: RequestClaim
    ) async throws(DatabaseError) {
        _ = try await context.database.query(
            """
            UPDATE request_keys SET status = $4::int, headers = $5, body = $6, fingerprint = $7
            WHERE user_id = $1 AND digest = $2 AND claim = $3
            """,
            [
                .int(claim.key.userID), .bytes(claim.key.digest), .int(claim.number), .int(Int64(answer.status)),
                .text(answer.headers), .bytes(answer.body), .bytes(fingerprint),
            ])
    }

    /// The request has failed and may be made again, unless it was decided all the same.
    package func giveUp(_ claim: RequestClaim) async throws(DatabaseError) {
        _ = try await context.database.query(
            """
            DELETE FROM request_keys
            WHERE user_id = $1 AND digest = $2 AND claim = $3 AND NOT is_decided AND status IS NULL
            """, [.int(claim.key.userID), .bytes(claim.key.digest), .int(claim.number)])
    }

    /// Removes what is older than a day, some at a time.
    /// - Returns: how many.
    package func purgeExpired(limit: Int = 1_000) async throws(DatabaseError) -> Int {
        let now = context.now()
        var total = 0
        while true {
            let removed = try await context.database.query(
                """
                DELETE FROM request_keys WHERE (user_id, digest) IN (
                    SELECT user_id, digest FROM request_keys WHERE expires_at <= $1
                    ORDER BY expires_at LIMIT $2 FOR UPDATE SKIP LOCKED)
                """, [.int(now), .int(Int64(limit))]
            ).affected
            total += removed
            if removed < limit { return total }
        }
    }
}
