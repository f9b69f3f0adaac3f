extension Migration {
    /// What follows the conversations' logs in the background: the words of messages, and how far each log has been followed.
    static let search = Migration(
        number: 11, name: "search", sql: [tables, words, forgetting, following].joined(separator: ";\n"))

    /// No index on the write path: `messages` stays as it is. `words` holds the topic, too, as a word that no text has: so the index alone finds
    /// what is in one conversation.
    private static let tables = """
        CREATE TABLE search_entries (
            topic_id bigint NOT NULL,
            seq bigint NOT NULL,
            id bigint NOT NULL,
            words tsvector NOT NULL,
            PRIMARY KEY (topic_id, seq)
        );
        COMMENT ON COLUMN search_entries.id IS 'the message''s: the order of results';
        CREATE INDEX search_entries_words ON search_entries USING gin (words);
        CREATE TABLE log_progress (
            topic_id bigint PRIMARY KEY REFERENCES topics ON DELETE CASCADE,
            followed_seq bigint NOT NULL
        ) WITH (fillfactor = 85);
        CREATE TABLE log_following (mentions_since bigint NOT NULL);
        COMMENT ON COLUMN log_following.mentions_since IS 'the lowest id of a message whose mentions are told';
        INSERT INTO log_following
            VALUES (((extract(epoch FROM now()) * 1000)::bigint - \(IDGenerator.epochMilliseconds)) << 22)
        """

    /// ASCII punctuation parts words; what PostgreSQL's parser makes of URLs, hosts and signs before numbers nobody would search for. The body
    /// is read as `json`: `jsonb` would refuse numbers in `custom` that are too large for it.
    private static let words = #"""
        CREATE FUNCTION confab_plain_words(p_text text) RETURNS text LANGUAGE sql IMMUTABLE AS $$
            SELECT regexp_replace(p_text, '[\u0001-\u002f\u003a-\u0040\u005b-\u0060\u007b-\u007f]+', ' ', 'g')
        $$;
        CREATE FUNCTION confab_words(p_topic bigint, p_text text) RETURNS tsvector LANGUAGE sql IMMUTABLE AS $$
            SELECT array_to_tsvector(ARRAY['#' || p_topic]) || strip(to_tsvector('simple', confab_plain_words(p_text)))
        $$;
        CREATE FUNCTION confab_words_query(p_text text) RETURNS tsquery LANGUAGE sql IMMUTABLE AS $$
            SELECT CASE WHEN q <> '' THEN (q || ':*')::tsquery END
            FROM (SELECT plainto_tsquery('simple', confab_plain_words(p_text))::text AS q) x
        $$;
        CREATE FUNCTION confab_body(payload bytea) RETURNS json LANGUAGE sql IMMUTABLE AS $$
            SELECT ('{' || substr(convert_from(payload, 'UTF8'), 2))::json -> 'body'
        $$
        """#

    /// Whatever deletes messages deletes their words, in the same transaction. Costs nothing when messages are written.
    private static let forgetting = """
        CREATE FUNCTION confab_forget_words() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            DELETE FROM search_entries s USING gone g WHERE s.topic_id = g.topic_id AND s.seq = g.seq AND g.kind = 1;
            RETURN NULL;
        END $$;
        CREATE TRIGGER messages_gone AFTER DELETE ON messages REFERENCING OLD TABLE AS gone
            FOR EACH STATEMENT EXECUTE FUNCTION confab_forget_words()
        """

    /// Follows the logs of some conversations, each by at most `p_entries` entries: writes the words of new, edited and deleted messages,
    /// and returns the mentions of those who may read them, a row for each. The progress is stored in the same transaction. One at a time, on
    /// whichever hub, so that an older text never overwrites a newer one. The planner can't know how short the stretches of the logs are: it is
    /// kept from reading whole tables for them.
    private static let following = """
        CREATE FUNCTION confab_follow(p_topics bigint[], p_entries bigint) RETURNS TABLE (
            o_topic bigint, o_kind bigint, o_low bigint, o_high bigint, o_seq bigint, o_sender bigint, o_payload bytea, o_user bigint
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
            INSERT INTO search_entries AS e (topic_id, seq, id, words)
            SELECT x.topic_id, x.seq, x.id, confab_words(x.topic_id, x.text)
            FROM (SELECT m.topic_id, m.seq, m.id, coalesce(
                    (SELECT confab_body(n.payload) ->> 'text' FROM message_edits c
                        JOIN messages n ON n.topic_id = c.topic_id AND n.seq = c.seq
                        WHERE c.topic_id = m.topic_id AND c.target_seq = m.seq ORDER BY c.seq DESC LIMIT 1),
                    confab_body(m.payload) ->> 'text') AS text
                FROM unnest(v_topics, v_seqs) AS u(topic_id, seq)
                JOIN messages m ON m.topic_id = u.topic_id AND m.seq = u.seq AND m.kind = 1) x
            WHERE x.text IS NOT NULL
            ON CONFLICT (topic_id, seq) DO UPDATE SET words = excluded.words;
            UPDATE log_progress p SET followed_seq = s.last
            FROM unnest(v_ids, v_end) AS s(id, last) WHERE p.topic_id = s.id AND p.followed_seq < s.last;
            RETURN QUERY
            SELECT t.id, t.kind::bigint, t.low, t.high, m.seq, m.sender_id, m.payload, n.user_id
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
