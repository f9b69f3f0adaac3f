import Topics

/// How far a user has read a topic, as it is told to others.
package struct ReadReceipt: Sendable, Equatable {
    package var topic: StoredTopic
    package var seq: Int64
    package var userID: Int64
    /// Unix milliseconds.
    package var readAt: Int64

    package init(topic: StoredTopic, seq: Int64, userID: Int64, readAt: Int64) {
        self.topic = topic
        self.seq = seq
        self.userID = userID
        self.readAt = readAt
    }
}

/// Gets every read mark that has moved, whoever moved it.
package protocol ReadObserver: Sendable {
    func hasRead(_ receipt: ReadReceipt)
}

/// What users have read and when they were last there.
package struct ReadMarkStore: Sendable {
    let context: DomainContext
    private let sightings: Batcher<(userID: Int64, milliseconds: Int64), Void>

    package init(context: DomainContext) {
        self.context = context
        sightings = Batcher(batchMax: 1_000) { [database = context.database] in
            try await Self.noteLastSeen($0, database)
        }
    }

    /// Moves the mark up to `seq`, at most to the end, never down; what the user sent itself counts as read. The observer hears of it if
    /// it has moved. The right to read has been checked.
    package func markRead(_ topic: StoredTopic, upTo seq: Int64, by userID: Int64) async throws(DatabaseError) {
        let rows = try await context.database.query(
            """
            INSERT INTO read_marks AS r (user_id, topic_id, read_seq)
            SELECT $1, t.id, least($3, t.last_seq) FROM topics t
            LEFT JOIN LATERAL (SELECT m.seq FROM messages m
                WHERE m.topic_id = t.id AND m.seq > t.last_seq - 1000 AND m.sender_id = $1 AND m.kind = 1
                ORDER BY m.seq DESC LIMIT 1) own ON true
            WHERE t.id = $2 AND least($3, t.last_seq) > coalesce(own.seq, 0)
            ON CONFLICT (user_id, topic_id) DO UPDATE SET read_seq = excluded.read_seq WHERE r.read_seq < excluded.read_seq
            RETURNING read_seq
            """, [.int(userID), .int(topic.id), .int(seq)])
        guard rows.count == 1 else { return }
        context.reads.hasRead(
            ReadReceipt(topic: topic, seq: rows.int(0, 0), userID: userID, readAt: context.now()))
    }

    /// - Parameter milliseconds: Unix time.
    package func noteLastSeen(_ userID: Int64, at milliseconds: Int64) async throws(DatabaseError) {
        try await sightings.ask((userID, milliseconds))
    }

    private static func noteLastSeen(
        _ sightings: [(userID: Int64, milliseconds: Int64)], _ database: Database
    ) async throws -> [Void] {
        let latest = Dictionary(sightings.map { ($0.userID, $0.milliseconds) }, uniquingKeysWith: max)
            .sorted { $0.key < $1.key }
        _ = try await database.query(
            """
            INSERT INTO last_seen (user_id, seen_at) SELECT * FROM unnest($1, $2)
            ON CONFLICT (user_id) DO UPDATE SET seen_at = greatest(last_seen.seen_at, excluded.seen_at)
            """, [.ints(latest.map(\.key)), .ints(latest.map(\.value))])
        return sightings.map { _ in }
    }

    /// Unix milliseconds; those who were never there are left out.
    package func lastSeen(of users: [Int64]) async throws(DatabaseError) -> [Int64: Int64] {
        let rows = try await context.database.query(
            "SELECT user_id, seen_at FROM last_seen WHERE user_id = ANY($1)", [.ints(users)])
        var seen: [Int64: Int64] = [:]
        for row in 0..<rows.count { seen[rows.int(row, 0)] = rows.int(row, 1) }
        return seen
    }
}
