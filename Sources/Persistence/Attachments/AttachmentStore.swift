/// Attachments as rows of at most `chunkBytes`. Bytes go through a few connections of their own, so that however much is uploaded, messages
/// find theirs free and PostgreSQL writes few of these rows at once.
package struct AttachmentStore: Sendable {
    package static let chunkBytes = 256 * 1024
    /// What nothing names is kept so long.
    package static let unnamedMilliseconds: Int64 = 24 * 3_600_000
    /// An upload of which nothing has come for so long is none any more: its hub is gone.
    static let uploadMilliseconds: Int64 = 600_000

    /// The pool for chunks: so many are read and written at once.
    package static var limits: Database.Limits {
        var limits = Database.Limits()
        limits.connections = 3
        return limits
    }

    private let database: Database
    private let ids: IDGenerator
    private let now: @Sendable () -> Int64

    /// - Parameters:
    ///   - database: with `limits`, for nothing else.
    ///   - now: the wall clock, in Unix milliseconds.
    package init(_ database: Database, ids: IDGenerator, now: @escaping @Sendable () -> Int64) {
        self.database = database
        self.ids = ids
        self.now = now
    }

    // MARK: Upload

    /// What a user has stored, in bytes, uploads that are going on included.
    package func usage(of userID: Int64) async throws(DatabaseError) -> Int64 {
        let rows = try await database.query("SELECT bytes FROM attachment_usage WHERE user_id = $1", [.int(userID)])
        return rows.count == 0 ? 0 : rows.int(0, 0)
    }

    /// Begins an upload; nobody sees it before `complete`.
    /// - Returns: its id.
    package func begin(
        ownerID: Int64, name: String, mediaType: String, width: Int?, height: Int?
    ) async throws(DatabaseError) -> Int64 {
        let id = ids.next()
        _ = try await database.query(
            """
            WITH usage AS (INSERT INTO attachment_usage (user_id, bytes) VALUES ($2, 0) ON CONFLICT DO NOTHING)
            INSERT INTO attachments (id, owner_id, state, name, media_type, width, height, unnamed_since)
            VALUES ($1, $2, 1, $3, $4, $5::bigint, $6::bigint, $7)
            """,
            [
                .int(id), .int(ownerID), .text(name), .text(mediaType), width.map { .int(Int64($0)) } ?? .null,
                height.map { .int(Int64($0)) } ?? .null, .int(now()),
            ])
        return id
    }

    package enum UploadOutcome: Int64, Sendable {
        case done = 0
        /// The user's attachments would have more than the quota.
        case quotaExceeded
        /// The upload was given up meanwhile.
        case gone
    }

    /// Takes room for an upload before its bytes come; what it does not fill is given back at its end.
    /// - Parameters:
    ///   - bytes: all of the file's, before any is stored.
    ///   - quota: bytes that the user may have.
    package func reserve(_ bytes: Int64, for id: Int64, quota: Int64) async throws(DatabaseError) -> UploadOutcome {
        precondition(bytes > 0)
        return try await outcome("SELECT confab_reserve_room($1, $2, $3)", [.int(id), .int(bytes), .int(quota)])
    }

    /// Beyond what was reserved, the room is taken now.
    /// - Parameters:
    ///   - number: 0, 1, 2, …; all but the last chunk have `chunkBytes`.
    ///   - quota: bytes that the user may have.
    package func append(
        _ chunk: [UInt8], number: Int, to id: Int64, quota: Int64
    ) async throws(DatabaseError) -> UploadOutcome {
        precondition(1...Self.chunkBytes ~= chunk.count)
        return try await outcome(
            "SELECT confab_store_chunk($1, $2::bigint::int, $3, $4, $5)",
            [.int(id), .int(Int64(number)), .bytes(chunk), .int(quota), .int(now())])
    }

    private func outcome(
        _ statement: StaticString, _ parameters: [Parameter]
    ) async throws(DatabaseError) -> UploadOutcome {
        let rows = try await database.query(statement, parameters)
        guard let outcome = UploadOutcome(rawValue: rows.int(0, 0)) else { preconditionFailure("an unknown outcome") }
        return outcome
    }

    /// - Returns: nil if the upload was given up meanwhile.
    package func complete(_ id: Int64, sha256: [UInt8]) async throws(DatabaseError) -> Attachment? {
        let rows = try await database.query(
            "SELECT id, name, media_type, size, sha256, width, height FROM confab_complete_attachment($1, $2, $3)",
            [.int(id), .bytes(sha256), .int(now())])
        return rows.count == 0 ? nil : Attachment(rows, 0)
    }

    /// Gives up an upload: nothing of it stays.
    package func abandon(_ id: Int64) async throws(DatabaseError) {
        _ = try await database.query(
            "UPDATE attachments SET state = 3, unnamed_since = 0 WHERE id = $1 AND state = 1", [.int(id)])
        try await erase(id)
    }

    // MARK: Download

    /// Nil if there is none that the user may load.
    package func attachment(_ id: Int64, for userID: Int64) async throws(DatabaseError) -> Attachment? {
        let rows = try await database.query(
            """
            SELECT id, name, media_type, size, sha256, width, height FROM attachments
            WHERE id = $2 AND confab_attachment_loadable($1, $2)
            """, [.int(userID), .int(id)])
        return rows.count == 0 ? nil : Attachment(rows, 0)
    }

    /// Bytes of an attachment, from `offset` on, at most `limit` and not beyond the chunk in which that lies; empty if they are gone.
    package func read(_ id: Int64, from offset: Int64, limit: Int) async throws(DatabaseError) -> [UInt8] {
        let (number, start) = offset.quotientAndRemainder(dividingBy: Int64(Self.chunkBytes))
        let rows = try await database.query(
            """
            SELECT substring(bytes FROM $3::bigint::int + 1 FOR $4::bigint::int) FROM attachment_chunks
            WHERE attachment_id = $1 AND number = $2
            """, [.int(id), .int(number), .int(start), .int(Int64(limit))])
        return rows.count == 0 ? [] : rows.bytes(0, 0)
    }

    // MARK: Removal

    /// Deletes what a message names and nothing else does, for a message that is deleted itself.
    package func drop(topicID: Int64, seq: Int64) async throws(DatabaseError) {
        _ = try await database.query("SELECT confab_drop_attachments($1, $2)", [.int(topicID), .int(seq)])
    }

    /// Erases what was deleted, what nothing has named for a day, and uploads that were never completed.
    /// - Parameter limit: looked for at a time.
    /// - Returns: how many there were.
    package func purge(limit: Int = 100) async throws(DatabaseError) -> Int {
        var total = 0
        while case let count = try await purgeSome(limit), count > 0 { total += count }
        return total
    }

    private func purgeSome(_ limit: Int) async throws(DatabaseError) -> Int {
        let now = now()
        let rows = try await database.query(
            """
            WITH old AS (
                SELECT id FROM attachments
                WHERE unnamed_since IS NOT NULL AND (state = 3 OR state = 2 AND unnamed_since < $1
                    OR state = 1 AND unnamed_since < $2)
                ORDER BY unnamed_since LIMIT $3 FOR NO KEY UPDATE SKIP LOCKED)
            UPDATE attachments a SET state = 3, unnamed_since = 0 FROM old
            WHERE a.id = old.id AND NOT confab_attachment_named(a.id) RETURNING a.id
            """,
            [.int(now - Self.unnamedMilliseconds), .int(now - Self.uploadMilliseconds), .int(Int64(limit))])
        // One by one: each is many rows, and no statement is to hold up the chunks of others for long.
        for row in 0..<rows.count { try await erase(rows.int(row, 0)) }
        return rows.count
    }

    private func erase(_ id: Int64) async throws(DatabaseError) {
        _ = try await database.query("SELECT confab_erase_attachment($1)", [.int(id)])
    }
}
