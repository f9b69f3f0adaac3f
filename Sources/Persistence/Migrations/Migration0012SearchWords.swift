extension Migration {
    /// The words of messages are made by the hub (`SearchWords`); what was made otherwise is made again, and no mention told twice.
    static let searchWords = Migration(
        number: 12, name: "search words", sql: [again, following].joined(separator: ";\n"))

    private static let again = """
        TRUNCATE search_entries, log_progress;
        UPDATE log_following
            SET mentions_since = ((extract(epoch FROM now()) * 1000)::bigint - \(IDGenerator.epochMilliseconds)) << 22;
        DROP FUNCTION confab_follow;
        DROP FUNCTION confab_words_query;
        DROP FUNCTION confab_words;
        DROP FUNCTION confab_plain_words
        """

    /// Follows the logs of some conversations, each by at most `p_entries` entries, and stores the progress. Deletes what finds deleted messages,
    /// and returns the newest texts of those that are new or edited, to be found by their words, and the mentions of those who may read them:
    /// a row for each, of a mention with its `o_user`. One at a time, on whichever hub, so that an older text never overwrites a newer one. The
    /// planner can't know how short the stretches of the logs are: it is kept from reading whole tables for them.
    private static let following = """
        CREATE FUNCTION confab_follow(p_topics bigint[], p_entries bigint) RETURNS TABLE (
            o_topic bigint, o_kind bigint, o_low bigint, o_high bigint,
            o_seq bigint, o_id bigint, o_sender bigint, o_payload bytea, o_user bigint
        ) LANGUAGE plpgsql VOLATILE SET enable_hashjoin = off SET enable_mergejoin = off SET enable_seqscan = off AS $$
        DECLARE
            v_ids bigint[];
            v_after bigint[];
            v_end bigint[];
            v_topics bigint[];
            v_seqs bigint[];
        BEGIN
            PERFORM pg_advisory_xact_lock(hashtext('confab_follow'));
            INSERT INTO log_progress (topic_id, followed_seq)
            SELECT t.id, 0 FROM topics t WHERE t.id = ANY (p_topics) AND t.kind IN (2, 3)
            ON CONFLICT DO NOTHING;
            SELECT array_agg(x.id), array_agg(x.after), array_agg(least(x.last_seq, x.after + p_entries))
            INTO v_ids, v_after, v_end
            FROM (SELECT t.id, t.last_seq, greatest(p.followed_seq, t.first_seq - 1) AS after
                FROM log_progress p JOIN topics t ON t.id = p.topic_id WHERE p.topic_id = ANY (p_topics)) x;
            IF v_ids IS NULL THEN
                RETURN;
            END IF;
            SELECT array_agg(x.topic_id), array_agg(x.seq) INTO v_topics, v_seqs
            FROM (SELECT DISTINCT m.topic_id,
                    CASE m.kind WHEN 1 THEN m.seq ELSE (confab_body(m.payload) ->> 'seq')::bigint END AS seq
                FROM unnest(v_ids, v_after, v_end) AS s(id, after, last)
                JOIN messages m ON m.topic_id = s.id AND m.seq > s.after AND m.seq <= s.last
                WHERE m.kind IN (1, 2, 3)) x
            WHERE x.seq IS NOT NULL;
            DELETE FROM search_entries e USING unnest(v_topics, v_seqs) AS u(topic_id, seq), message_deletions d
            WHERE e.topic_id = u.topic_id AND e.seq = u.seq AND d.topic_id = u.topic_id AND d.target_seq = u.seq;
            UPDATE log_progress p SET followed_seq = s.last
            FROM unnest(v_ids, v_end) AS s(id, last) WHERE p.topic_id = s.id AND p.followed_seq < s.last;
            RETURN QUERY
            SELECT m.topic_id, NULL::bigint, NULL::bigint, NULL::bigint, m.seq, m.id, NULL::bigint, coalesce(
                (SELECT n.payload FROM message_edits c JOIN messages n ON n.topic_id = c.topic_id AND n.seq = c.seq
                    WHERE c.topic_id = m.topic_id AND c.target_seq = m.seq ORDER BY c.seq DESC LIMIT 1),
                m.payload), NULL::bigint
            FROM unnest(v_topics, v_seqs) AS u(topic_id, seq)
            JOIN messages m ON m.topic_id = u.topic_id AND m.seq = u.seq AND m.kind = 1;
            RETURN QUERY
            SELECT t.id, t.kind::bigint, t.low, t.high, m.seq, m.id, m.sender_id, m.payload, n.user_id
            FROM unnest(v_ids, v_after, v_end) AS s(id, after, last)
            JOIN topics t ON t.id = s.id
            JOIN messages m ON m.topic_id = s.id AND m.seq > s.after AND m.seq <= s.last AND m.kind = 1
                AND position('"mentions":'::bytea IN m.payload) > 0
            CROSS JOIN LATERAL (SELECT value::bigint AS user_id
                FROM json_array_elements_text(confab_body(m.payload) -> 'mentions')) n
            WHERE m.id >= (SELECT mentions_since FROM log_following) AND n.user_id <> m.sender_id
                AND confab_readable(n.user_id, t.kind, t.id, t.low, t.high) IS NOT NULL
                AND EXISTS (SELECT 1 FROM topics i WHERE i.id = n.user_id AND i.kind = 1)
            ORDER BY t.id, m.seq, n.user_id;
        END $$
        """
}
