extension Migration {
    /// Entries that say something about an earlier entry of their topic: edits, deletions, reactions.
    static let annotations = Migration(
        number: 4, name: "annotations", sql: [tables, redacted, publish].joined(separator: ";\n"))

    /// What the entries add up to, for those who ask for a message and not for its history. No foreign keys, as with `messages`. And when
    /// users were last connected, apart from their profiles, which change less often.
    private static let tables = """
        CREATE TABLE message_edits (
            topic_id bigint NOT NULL,
            target_seq bigint NOT NULL,
            seq bigint NOT NULL,
            PRIMARY KEY (topic_id, target_seq, seq)
        );
        CREATE TABLE message_deletions (
            topic_id bigint NOT NULL,
            target_seq bigint NOT NULL,
            seq bigint NOT NULL,
            PRIMARY KEY (topic_id, target_seq)
        );
        CREATE TABLE message_reactions (
            topic_id bigint NOT NULL,
            target_seq bigint NOT NULL,
            user_id bigint NOT NULL,
            emoji bytea NOT NULL,
            seq bigint NOT NULL,
            is_present boolean NOT NULL,
            PRIMARY KEY (topic_id, target_seq, user_id, emoji)
        );
        COMMENT ON COLUMN message_reactions.seq IS 'the entry that last added it or took it back';
        CREATE TABLE last_seen (
            user_id bigint PRIMARY KEY,
            seen_at bigint NOT NULL
        ) WITH (fillfactor = 85)
        """

    /// `client_ref`, if there is one, stays. Quotes in it are escaped, so the first `,"body":` is the member's.
    private static let redacted = """
        CREATE FUNCTION confab_redacted(payload bytea) RETURNS bytea LANGUAGE sql IMMUTABLE AS $$
            SELECT substring(payload FOR position(',"body":'::bytea IN payload) - 1) || ',"body":{"deleted":true}}'::bytea
        $$
        """

    /// As `confab_publish_careful`, for batches in which entries are about earlier ones; one by one, since each may change what the next
    /// may do. `m_target` is the `seq` that an entry is about, 0: none; `m_flag`: the sender may delete what others wrote, or the reaction
    /// is added. Further states: 4 no such message, 5 not the sender's, 6 too old to be edited. What is so already (a reaction that is
    /// there, a deletion) is state 1 with the entry that made it so.
    private static let publish = """
        CREATE FUNCTION confab_publish_annotated(
            t_id bigint[], m_topic int[], m_id bigint[], m_sender bigint[], m_kind smallint[], m_key uuid[],
            m_payload bytea[], m_target bigint[], m_emoji bytea[], m_flag boolean[],
            OUT seqs bigint[], OUT ids bigint[], OUT states smallint[]
        ) LANGUAGE plpgsql VOLATILE AS $$
        DECLARE
            edit_milliseconds CONSTANT bigint := 86400000;
            v_last bigint[];
            v_messages bigint[];
            v_changed boolean[] := array_fill(false, ARRAY[cardinality(t_id)]);
            v_place int;
            v_topic bigint;
            v_old record;
            v_target record;
            v_earlier bigint;
            v_present boolean;
            v_gone boolean;
        BEGIN
            PERFORM 1 FROM topics WHERE id = ANY(t_id) ORDER BY id FOR NO KEY UPDATE;
            SELECT array_agg(t.last_seq ORDER BY u.i), array_agg(t.messages ORDER BY u.i) INTO v_last, v_messages
            FROM unnest(t_id) WITH ORDINALITY AS u(id, i) LEFT JOIN topics t ON t.id = u.id;
            FOR i IN 1..cardinality(m_topic) LOOP
                v_place := m_topic[i];
                v_topic := t_id[v_place];
                seqs[i] := 0;
                ids[i] := 0;
                states[i] := 0;
                IF v_last[v_place] IS NULL THEN
                    states[i] := 3;
                    CONTINUE;
                END IF;
                SELECT m.seq, m.id, m.kind, m.payload INTO v_old FROM messages m
                WHERE m.key = m_key[i] AND m.topic_id = v_topic AND m.sender_id = m_sender[i];
                IF FOUND THEN
                    seqs[i] := v_old.seq;
                    ids[i] := v_old.id;
                    states[i] := CASE WHEN v_old.kind = m_kind[i]
                        AND v_old.payload IN (m_payload[i], confab_redacted(m_payload[i])) THEN 1 ELSE 2 END;
                    CONTINUE;
                END IF;
                IF m_target[i] > 0 THEN
                    SELECT m.id, m.sender_id INTO v_target FROM messages m
                    WHERE m.topic_id = v_topic AND m.seq = m_target[i] AND m.kind = 1;
                    IF NOT FOUND THEN
                        states[i] := 4;
                        CONTINUE;
                    END IF;
                    IF m_kind[i] IN (2, 3) AND v_target.sender_id <> m_sender[i] AND NOT m_flag[i] THEN
                        states[i] := 5;
                        CONTINUE;
                    END IF;
                    SELECT d.seq INTO v_earlier FROM message_deletions d
                    WHERE d.topic_id = v_topic AND d.target_seq = m_target[i];
                    v_gone := FOUND;
                    IF m_kind[i] = 4 AND NOT v_gone THEN
                        SELECT r.seq, r.is_present INTO v_earlier, v_present FROM message_reactions r
                        WHERE r.topic_id = v_topic AND r.target_seq = m_target[i] AND r.user_id = m_sender[i]
                            AND r.emoji = m_emoji[i];
                        IF NOT FOUND THEN
                            v_earlier := m_target[i];
                            v_present := false;
                        END IF;
                    END IF;
                    IF v_gone AND m_kind[i] = 3 OR NOT v_gone AND m_kind[i] = 4 AND v_present = m_flag[i] THEN
                        SELECT m.id INTO v_old FROM messages m WHERE m.topic_id = v_topic AND m.seq = v_earlier;
                        seqs[i] := v_earlier;
                        ids[i] := coalesce(v_old.id, 0);
                        states[i] := 1;
                        CONTINUE;
                    END IF;
                    IF v_gone THEN
                        states[i] := 4;
                        CONTINUE;
                    END IF;
                    IF m_kind[i] = 2 AND (m_id[i] >> 22) - (v_target.id >> 22) > edit_milliseconds THEN
                        states[i] := 6;
                        CONTINUE;
                    END IF;
                END IF;
                v_last[v_place] := v_last[v_place] + 1;
                IF m_kind[i] = 1 THEN
                    v_messages[v_place] := v_messages[v_place] + 1;
                END IF;
                v_changed[v_place] := true;
                seqs[i] := v_last[v_place];
                ids[i] := m_id[i];
                INSERT INTO messages (topic_id, seq, id, sender_id, kind, ordinal, key, payload)
                VALUES (v_topic, seqs[i], m_id[i], m_sender[i], m_kind[i], v_messages[v_place], m_key[i], m_payload[i]);
                IF m_target[i] = 0 THEN
                    CONTINUE;
                END IF;
                CASE m_kind[i]
                WHEN 2 THEN
                    INSERT INTO message_edits (topic_id, target_seq, seq) VALUES (v_topic, m_target[i], seqs[i]);
                WHEN 3 THEN
                    INSERT INTO message_deletions (topic_id, target_seq, seq) VALUES (v_topic, m_target[i], seqs[i]);
                    UPDATE messages m SET payload = confab_redacted(m.payload)
                    WHERE m.topic_id = v_topic AND (m.seq = m_target[i] OR m.seq IN (
                        SELECT e.seq FROM message_edits e WHERE e.topic_id = v_topic AND e.target_seq = m_target[i]));
                    DELETE FROM message_edits e WHERE e.topic_id = v_topic AND e.target_seq = m_target[i];
                    DELETE FROM message_reactions r WHERE r.topic_id = v_topic AND r.target_seq = m_target[i];
                    PERFORM confab_drop_attachments(v_topic, m_target[i]);
                WHEN 4 THEN
                    INSERT INTO message_reactions (topic_id, target_seq, user_id, emoji, seq, is_present)
                    VALUES (v_topic, m_target[i], m_sender[i], m_emoji[i], seqs[i], m_flag[i])
                    ON CONFLICT (topic_id, target_seq, user_id, emoji)
                    DO UPDATE SET seq = excluded.seq, is_present = excluded.is_present;
                END CASE;
            END LOOP;
            UPDATE topics t SET last_seq = u.last, messages = u.messages, last_at = now()
            FROM unnest(t_id, v_last, v_messages, v_changed) AS u(id, last, messages, changed)
            WHERE t.id = u.id AND u.changed;
        END $$
        """
}
