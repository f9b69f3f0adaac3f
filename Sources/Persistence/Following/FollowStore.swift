import JSON
import Topics

/// What the hub makes of conversations after their commit: words to search for, and mentions in inboxes. Each step is one transaction with
/// its progress, so a crash repeats it whole or not at all.
package struct FollowStore: Sendable {
    /// What one step takes: some milliseconds for a busy hub's newest messages, well below a second for a backlog.
    static let topicsPerStep = 50
    /// Of all topics together, and of each at least.
    private static let entriesPerStep: Int64 = 2_000
    static let entriesPerTopicMin: Int64 = 100
    /// Topics that are looked at in one statement of a sweep.
    private static let pageSize: Int64 = 1_000

    /// The columns of `confab_follow`'s answer: texts come first, then mentions.
    private enum Column {
        static let topicID = 0
        static let kind = 1
        static let low = 2
        static let high = 3
        static let seq = 4
        static let id = 5
        static let sender = 6
        static let payload = 7
        /// Who is mentioned; null: the row is a text.
        static let mentioned = 8
    }

    /// A topic that was not followed to its end.
    struct Left: Sendable, Equatable {
        var topicID: Int64
        var entries: Int64
    }

    let context: DomainContext

    package init(context: DomainContext) { self.context = context }

    /// Follows the logs of these topics by one step.
    /// - Parameter entries: of each topic; nil: a few of many, many of a few.
    /// - Returns: those of them that have more, some of it come meanwhile.
    func follow(_ topicIDs: [Int64], entries: Int64? = nil) async throws(DatabaseError) -> [Left] {
        precondition(!topicIDs.isEmpty)
        let entries = entries ?? max(Self.entriesPerTopicMin, Self.entriesPerStep / Int64(topicIDs.count))
        return try await context.change { [context] transaction in
            let rows = try await transaction.query(
                "SELECT * FROM confab_follow($1, $2)", [.ints(topicIDs), .int(entries)])
            let texts = (0..<rows.count).filter { rows.isNull($0, Column.mentioned) }
            let mentions = (texts.count..<rows.count).map { Self.mention(rows, $0, context) }
            if let words = Self.words(rows, texts) { _ = try await transaction.query(Self.storingWords, words) }
            let left = try await transaction.query(
                """
                SELECT t.id, t.last_seq - p.followed_seq FROM log_progress p JOIN topics t ON t.id = p.topic_id
                WHERE p.topic_id = ANY ($1) AND t.last_seq > p.followed_seq
                """, [.ints(topicIDs)])
            return Change(
                result: (0..<left.count).map { Left(topicID: left.int($0, 0), entries: left.int($0, 1)) },
                entries: mentions)
        }
    }

    /// Conversations whose logs go on behind what has been followed, after `topicID`, and where to go on; nil: that was the last page.
    /// Both tables are read along their keys between a page's ends, which takes a fraction of looking for each topic's progress.
    func unfollowed(after topicID: Int64) async throws(DatabaseError) -> (topics: [Int64], next: Int64?) {
        let rows = try await context.database.query(
            """
            WITH page AS MATERIALIZED (
                SELECT max(id) AS last, count(*) AS count FROM (SELECT id FROM topics WHERE id > $1 ORDER BY id LIMIT $2) ids
            )
            SELECT coalesce((SELECT last FROM page), $1), (SELECT count FROM page), coalesce(array_agg(t.id ORDER BY t.id), '{}')
            FROM topics t LEFT JOIN log_progress p
                ON p.topic_id = t.id AND p.topic_id > $1 AND p.topic_id <= (SELECT last FROM page)
            WHERE t.id > $1 AND t.id <= (SELECT last FROM page) AND t.kind IN (2, 3) AND t.last_seq > coalesce(p.followed_seq, 0)
            """, [.int(topicID), .int(Self.pageSize)])
        return (rows.ints(0, 2), rows.int(0, 1) < Self.pageSize ? nil : rows.int(0, 0))
    }

    private static let storingWords: StaticString = """
        INSERT INTO search_entries AS e (topic_id, seq, id, words)
        SELECT topic_id, seq, id, convert_from(words, 'UTF8')::tsvector
        FROM unnest($1, $2, $3, $4) AS x(topic_id, seq, id, words)
        ON CONFLICT (topic_id, seq) DO UPDATE SET words = excluded.words
        """

    /// The parameters of `storingWords`; nil if none of these rows has a text.
    private static func words(_ rows: Rows, _ texts: [Int]) -> [Parameter]? {
        var topics: [Int64] = []
        var seqs: [Int64] = []
        var ids: [Int64] = []
        var words: [[UInt8]] = []
        for row in texts {
            guard let text = MessageText.utf8(ofSuffix: rows.bytes(row, Column.payload)) else { continue }
            topics.append(rows.int(row, Column.topicID))
            seqs.append(rows.int(row, Column.seq))
            ids.append(rows.int(row, Column.id))
            words.append(SearchWords.vector(text, topicID: rows.int(row, Column.topicID)))
        }
        return topics.isEmpty ? nil : [.ints(topics), .ints(seqs), .ints(ids), .blobs(words)]
    }

    private static func mention(_ rows: Rows, _ row: Int, _ context: DomainContext) -> Append {
        let id = rows.int(row, Column.topicID)
        let topic: StoredTopic =
            rows.int(row, Column.kind) == TopicKind.direct.rawValue
            ? .direct(rows.int(row, Column.low), rows.int(row, Column.high), id: id) : .group(id)
        return context.entry(
            in: .inbox(of: rows.int(row, Column.mentioned)), by: rows.int(row, Column.sender), .mention
        ) { body in
            body.name("topic")
            body.string(topic.address.name)
            body.name("seq")
            body.number(rows.int(row, Column.seq))
            body.name("preview")
            body.string(MessagePreview.text(ofSuffix: rows.bytes(row, Column.payload)))
        }
    }
}
