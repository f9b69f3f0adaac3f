extension Migration {
    /// Topics and their logs, MQTT sessions, and the two functions that append to logs.
    static let log = Migration(
        number: 1, name: "log",
        sql: [logTables, sessionTables, publish, publishOrdered, publishCarefully].joined(separator: ";\n"))

    /// One row per topic, updated once per batch: narrow, no index on what changes, room on the page, so that updates stay in place
    /// (HOT). No foreign key from messages to topics: it would cost a third of the throughput. No time in messages: the id holds it.
    private static let logTables = """
        CREATE TABLE topics (
            id bigint PRIMARY KEY,
            kind smallint NOT NULL CHECK (kind IN (1, 2, 3)),
            low bigint NOT NULL DEFAULT 0,
            high bigint NOT NULL DEFAULT 0,
            last_seq bigint NOT NULL DEFAULT 0,
            messages bigint NOT NULL DEFAULT 0,
            last_at timestamptz
        ) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.05);
        COMMENT ON COLUMN topics.kind IS '1 inbox, 2 direct, 3 group';
        COMMENT ON COLUMN topics.messages IS 'number of entries of kind message';
        CREATE UNIQUE INDEX topics_direct ON topics (low, high) WHERE kind = 2;
        CREATE TABLE messages (
            topic_id bigint NOT NULL,
            seq bigint NOT NULL,
            id bigint NOT NULL,
            sender_id bigint NOT NULL,
            kind smallint NOT NULL,
            ordinal bigint NOT NULL,
            key uuid NOT NULL,
            payload bytea NOT NULL,
            PRIMARY KEY (topic_id, seq)
        ) WITH (autovacuum_vacuum_insert_scale_factor = 0.02, autovacuum_analyze_scale_factor = 0.02);
        COMMENT ON COLUMN messages.ordinal IS 'number of entries of kind message in the topic up to and including this one';
        COMMENT ON COLUMN messages.payload IS 'the end of the envelope, from the comma before client_ref or body';
        CREATE UNIQUE INDEX messages_key ON messages (key, topic_id, sender_id);
        DO $$ BEGIN
            IF current_setting('server_version_num')::int >= 140000 THEN
                ALTER TABLE messages ALTER payload SET COMPRESSION lz4;
            END IF;
        EXCEPTION WHEN feature_not_supported THEN
            NULL; -- A server built without lz4 keeps its own compression.
        END $$
        """

    /// A session's cursors are one packed value, written whole: `CursorCodec`.
    private static let sessionTables = """
        CREATE TABLE mqtt_sessions (
            id bigint PRIMARY KEY,
            user_id bigint NOT NULL,
            client_id bytea NOT NULL,
            expires_at timestamptz NOT NULL,
            absent_since timestamptz,
            cursors bytea NOT NULL DEFAULT '',
            UNIQUE (user_id, client_id)
        ) WITH (fillfactor = 85);
        COMMENT ON COLUMN mqtt_sessions.absent_since IS 'null: connected';
        ALTER TABLE mqtt_sessions ALTER cursors SET STORAGE MAIN;
        CREATE TABLE mqtt_subscriptions (
            session_id bigint NOT NULL REFERENCES mqtt_sessions ON DELETE CASCADE,
            filter bytea NOT NULL,
            options smallint NOT NULL,
            identifier integer NOT NULL DEFAULT 0,
            PRIMARY KEY (session_id, filter)
        )
        """

    /// Appends a batch. Topics ascend and are distinct; for each: how many entries, and how many of kind message. For each entry: index
    /// of its topic (from 1), position in its topic's share of the batch (from 1), how many messages of that share up to it, and its
    /// columns. Returns each topic's `last_seq` before the batch. Raises `no_data_found` if a topic is missing, `unique_violation` if an
    /// entry is there already: then nothing happened, and `confab_publish_careful` sorts it out.
    private static let publish = """
        CREATE FUNCTION confab_publish(
            t_id bigint[], t_entries int[], t_messages int[],
            m_topic int[], m_position int[], m_messages int[],
            m_id bigint[], m_sender bigint[], m_kind smallint[], m_key uuid[], m_payload bytea[]
        ) RETURNS bigint[] LANGUAGE plpgsql VOLATILE AS $$
        DECLARE
            v_seq bigint[];
            v_messages bigint[];
        BEGIN
            WITH changed AS (
                UPDATE topics t
                SET last_seq = t.last_seq + u.entries, messages = t.messages + u.messages, last_at = now()
                FROM unnest(t_id, t_entries, t_messages) AS u(id, entries, messages)
                WHERE t.id = u.id
                RETURNING t.id, t.last_seq - u.entries AS seq, t.messages - u.messages AS messages)
            SELECT array_agg(seq ORDER BY id), array_agg(messages ORDER BY id) INTO v_seq, v_messages FROM changed;
            IF cardinality(v_seq) IS DISTINCT FROM cardinality(t_id) THEN
                RAISE EXCEPTION 'unknown topic' USING ERRCODE = 'no_data_found';
            END IF;
            INSERT INTO messages (topic_id, seq, id, sender_id, kind, ordinal, key, payload)
            SELECT t_id[m.topic], v_seq[m.topic] + m.position, m.id, m.sender, m.kind,
                   v_messages[m.topic] + m.messages, m.key, m.payload
            FROM unnest(m_topic, m_position, m_messages, m_id, m_sender, m_kind, m_key, m_payload)
                 AS m(topic, position, messages, id, sender, kind, key, payload);
            RETURN v_seq;
        END $$
        """

    /// The same within somebody's transaction, on a connection without the writers' planner settings: takes the locks in order itself.
    private static let publishOrdered = """
        CREATE FUNCTION confab_publish_ordered(
            t_id bigint[], t_entries int[], t_messages int[],
            m_topic int[], m_position int[], m_messages int[],
            m_id bigint[], m_sender bigint[], m_kind smallint[], m_key uuid[], m_payload bytea[]
        ) RETURNS bigint[] LANGUAGE plpgsql VOLATILE AS $$
        BEGIN
            PERFORM 1 FROM topics WHERE id = ANY(t_id) ORDER BY id FOR NO KEY UPDATE;
            RETURN confab_publish(
                t_id, t_entries, t_messages, m_topic, m_position, m_messages, m_id, m_sender, m_kind, m_key, m_payload);
        END $$
        """

    /// Appends those entries of a batch that are not there yet. For each: `seq` and `id`, and its state: 0 appended, 1 there before with
    /// the same kind and payload, 2 there before with others, 3 its topic is missing. The lookup is a statement of its own, after the
    /// locks: its snapshot sees all that committed before. What was deleted meanwhile is still the same (`confab_redacted` comes with a later
    /// migration).
    private static let publishCarefully = """
        CREATE FUNCTION confab_publish_careful(
            t_id bigint[], m_topic int[], m_id bigint[], m_sender bigint[], m_kind smallint[], m_key uuid[],
            m_payload bytea[], OUT seqs bigint[], OUT ids bigint[], OUT states smallint[]
        ) LANGUAGE plpgsql VOLATILE AS $$
        DECLARE
            v_ordinals bigint[];
        BEGIN
            PERFORM 1 FROM topics WHERE id = ANY(t_id) ORDER BY id FOR NO KEY UPDATE;
            SELECT array_agg(z.seq ORDER BY z.i), array_agg(z.id ORDER BY z.i),
                   array_agg(z.state ORDER BY z.i), array_agg(z.ordinal ORDER BY z.i)
            INTO seqs, ids, states, v_ordinals
            FROM (
                SELECT y.i, y.state::smallint AS state, y.ordinal,
                       CASE WHEN y.state = 3 THEN 0
                            ELSE coalesce(y.old_seq, first_value(y.new_seq) OVER same) END AS seq,
                       CASE WHEN y.state = 3 THEN 0
                            ELSE coalesce(y.old_id, first_value(y.new_id) OVER same) END AS id
                FROM (
                    SELECT x.*,
                           x.last_seq + count(*) FILTER (WHERE x.state = 0) OVER topic AS new_seq,
                           x.messages + count(*) FILTER (WHERE x.state = 0 AND x.kind = 1) OVER topic AS ordinal
                    FROM (
                        SELECT u.i, u.topic, u.sender, u.key, u.kind, u.id AS new_id, t.last_seq, t.messages,
                               m.seq AS old_seq, m.id AS old_id,
                               CASE WHEN t.id IS NULL THEN 3
                                    WHEN m.seq IS NOT NULL THEN
                                        CASE WHEN m.kind = u.kind AND m.payload IN (u.payload, confab_redacted(u.payload))
                                             THEN 1 ELSE 2 END
                                    WHEN first_value(u.i) OVER same = u.i THEN 0
                                    WHEN first_value(u.kind) OVER same = u.kind
                                         AND first_value(u.payload) OVER same = u.payload THEN 1
                                    ELSE 2 END AS state
                        FROM unnest(m_topic, m_id, m_sender, m_kind, m_key, m_payload)
                             WITH ORDINALITY AS u(topic, id, sender, kind, key, payload, i)
                        LEFT JOIN topics t ON t.id = t_id[u.topic]
                        LEFT JOIN messages m ON m.key = u.key AND m.topic_id = t.id AND m.sender_id = u.sender
                        WINDOW same AS (PARTITION BY u.topic, u.sender, u.key ORDER BY u.i)
                    ) x
                    WINDOW topic AS (PARTITION BY x.topic ORDER BY x.i)
                ) y
                WINDOW same AS (PARTITION BY y.topic, y.sender, y.key ORDER BY y.i)
            ) z;
            UPDATE topics t
            SET last_seq = t.last_seq + n.entries, messages = t.messages + n.messages, last_at = now()
            FROM (
                SELECT t_id[u.topic] AS id, count(*) AS entries, count(*) FILTER (WHERE u.kind = 1) AS messages
                FROM unnest(m_topic, m_kind, states) AS u(topic, kind, state)
                WHERE u.state = 0
                GROUP BY u.topic) n
            WHERE t.id = n.id;
            INSERT INTO messages (topic_id, seq, id, sender_id, kind, ordinal, key, payload)
            SELECT t_id[m.topic], m.seq, m.id, m.sender, m.kind, m.ordinal, m.key, m.payload
            FROM unnest(m_topic, seqs, m_id, m_sender, m_kind, v_ordinals, m_key, m_payload, states)
                 AS m(topic, seq, id, sender, kind, ordinal, key, payload, state)
            WHERE m.state = 0;
        END $$
        """
}
