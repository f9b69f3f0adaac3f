extension Migration {
    /// Files that messages, profiles and groups name. Times are Unix milliseconds.
    static let attachments = Migration(
        number: 7, name: "attachments", sql: [tables, rights, naming, upload, publish].joined(separator: ";\n"))

    /// The bytes are compressed already, as a rule, and pieces of them are read: hence EXTERNAL. Names have no foreign keys: `messages` has
    /// none either.
    private static let tables = """
        CREATE TABLE attachments (
            id bigint PRIMARY KEY,
            owner_id bigint NOT NULL REFERENCES users,
            state smallint NOT NULL CHECK (state IN (1, 2, 3)),
            name text NOT NULL,
            media_type text NOT NULL,
            size bigint NOT NULL DEFAULT 0,
            sha256 bytea,
            width integer,
            height integer,
            unnamed_since bigint
        ) WITH (fillfactor = 85);
        COMMENT ON COLUMN attachments.state IS '1 being uploaded, 2 complete, 3 deleted: its bytes are to go';
        COMMENT ON COLUMN attachments.unnamed_since IS
            'since when no message, profile or group names it; null: one does. While it is uploaded: when its last bytes came';
        CREATE INDEX attachments_unnamed ON attachments (state, unnamed_since) WHERE unnamed_since IS NOT NULL;
        CREATE TABLE attachment_chunks (
            attachment_id bigint NOT NULL,
            number integer NOT NULL,
            bytes bytea NOT NULL,
            PRIMARY KEY (attachment_id, number)
        );
        ALTER TABLE attachment_chunks ALTER bytes SET STORAGE EXTERNAL;
        CREATE TABLE attachment_usage (
            user_id bigint PRIMARY KEY REFERENCES users,
            bytes bigint NOT NULL
        ) WITH (fillfactor = 50);
        CREATE TABLE attachment_names (
            attachment_id bigint NOT NULL,
            topic_id bigint NOT NULL,
            seq bigint NOT NULL,
            PRIMARY KEY (attachment_id, topic_id, seq)
        );
        COMMENT ON TABLE attachment_names IS 'messages that name an attachment: who reads the topic may load it';
        CREATE INDEX attachment_names_topic ON attachment_names (topic_id, seq);
        CREATE INDEX users_avatar ON users (avatar) WHERE avatar IS NOT NULL;
        CREATE INDEX groups_picture ON groups (picture) WHERE picture IS NOT NULL
        """

    /// The one rule about who may load, and so may name, an attachment.
    private static let rights = """
        CREATE FUNCTION confab_attachment_loadable(p_user bigint, p_id bigint) RETURNS boolean LANGUAGE sql STABLE AS $$
            SELECT EXISTS (SELECT 1 FROM attachments a WHERE a.id = p_id AND a.state = 2 AND (
                a.owner_id = p_user
                OR EXISTS (SELECT 1 FROM users u WHERE u.avatar = p_id)
                OR EXISTS (SELECT 1 FROM groups g JOIN members m ON m.group_id = g.id
                    WHERE g.picture = p_id AND m.user_id = p_user)
                OR EXISTS (SELECT 1 FROM attachment_names n JOIN topics t ON t.id = n.topic_id
                    WHERE n.attachment_id = p_id
                        AND confab_readable(p_user, t.kind, t.id, t.low, t.high) IS NOT NULL)))
        $$
        """

    /// `confab_name_attachment` says whether the user may; the row stays locked, so that nobody deletes it before the name is stored.
    /// `confab_unname_attachment` is for one whose name is gone already. `confab_drop_attachments` deletes what a message named, or all
    /// messages of a topic (seq null), unless something else names it.
    private static let naming = """
        CREATE FUNCTION confab_attachment_named(p_id bigint) RETURNS boolean LANGUAGE sql STABLE AS $$
            SELECT EXISTS (SELECT 1 FROM attachment_names n WHERE n.attachment_id = p_id)
                OR EXISTS (SELECT 1 FROM users u WHERE u.avatar = p_id)
                OR EXISTS (SELECT 1 FROM groups g WHERE g.picture = p_id)
        $$;
        CREATE FUNCTION confab_name_attachment(p_user bigint, p_id bigint) RETURNS boolean LANGUAGE plpgsql VOLATILE AS $$
        BEGIN
            PERFORM 1 FROM attachments a WHERE a.id = p_id FOR NO KEY UPDATE;
            IF NOT confab_attachment_loadable(p_user, p_id) THEN
                RETURN false;
            END IF;
            UPDATE attachments a SET unnamed_since = NULL WHERE a.id = p_id AND a.unnamed_since IS NOT NULL;
            RETURN true;
        END $$;
        CREATE FUNCTION confab_unname_attachment(p_id bigint, p_now bigint) RETURNS void LANGUAGE plpgsql VOLATILE AS $$
        BEGIN
            PERFORM 1 FROM attachments a WHERE a.id = p_id FOR NO KEY UPDATE;
            UPDATE attachments a SET unnamed_since = p_now
            WHERE a.id = p_id AND a.unnamed_since IS NULL AND NOT confab_attachment_named(p_id);
        END $$;
        CREATE FUNCTION confab_drop_attachments(p_topic bigint, p_seq bigint) RETURNS void LANGUAGE plpgsql VOLATILE AS $$
        DECLARE
            v_ids bigint[];
        BEGIN
            WITH gone AS (
                DELETE FROM attachment_names n WHERE n.topic_id = p_topic AND (p_seq IS NULL OR n.seq = p_seq)
                RETURNING n.attachment_id)
            SELECT array_agg(DISTINCT attachment_id) INTO v_ids FROM gone;
            IF v_ids IS NULL THEN
                RETURN;
            END IF;
            PERFORM 1 FROM attachments a WHERE a.id = ANY (v_ids) ORDER BY a.id FOR NO KEY UPDATE;
            UPDATE attachments a SET state = 3, unnamed_since = 0
            WHERE a.id = ANY (v_ids) AND NOT confab_attachment_named(a.id);
        END $$
        """

    /// Stores a piece of an upload: 0 done, 1 the user has no room left, 2 the upload is given up. And gives back what a deleted one took.
    private static let upload = """
        CREATE FUNCTION confab_store_chunk(p_id bigint, p_number int, p_bytes bytea, p_quota bigint, p_now bigint)
        RETURNS int LANGUAGE plpgsql VOLATILE AS $$
        DECLARE
            v_owner bigint;
        BEGIN
            SELECT a.owner_id INTO v_owner FROM attachments a WHERE a.id = p_id AND a.state = 1 FOR NO KEY UPDATE;
            IF NOT FOUND THEN
                RETURN 2;
            END IF;
            UPDATE attachment_usage u SET bytes = u.bytes + length(p_bytes)
            WHERE u.user_id = v_owner AND u.bytes + length(p_bytes) <= p_quota;
            IF NOT FOUND THEN
                RETURN 1;
            END IF;
            UPDATE attachments a SET size = a.size + length(p_bytes), unnamed_since = p_now WHERE a.id = p_id;
            INSERT INTO attachment_chunks (attachment_id, number, bytes) VALUES (p_id, p_number, p_bytes);
            RETURN 0;
        END $$;
        CREATE FUNCTION confab_erase_attachment(p_id bigint) RETURNS void LANGUAGE plpgsql VOLATILE AS $$
        DECLARE
            v_owner bigint;
            v_size bigint;
        BEGIN
            DELETE FROM attachments a WHERE a.id = p_id AND a.state <> 2 RETURNING a.owner_id, a.size INTO v_owner, v_size;
            IF NOT FOUND THEN
                RETURN;
            END IF;
            DELETE FROM attachment_chunks c WHERE c.attachment_id = p_id;
            UPDATE attachment_usage u SET bytes = u.bytes - v_size WHERE u.user_id = v_owner;
        END $$
        """

    /// As `confab_publish_annotated`, for batches in which messages name attachments: `a_entry` is the place of such an entry in the batch
    /// (from 1), `a_id` what it names. A further state, 7: one of these is not there for its sender. An entry that was stored before is not
    /// asked again: it is the same message, whatever has become of its attachments. One that a later entry of the batch deletes, whose
    /// sender has guessed its number, names nothing.
    private static let publish = """
        CREATE FUNCTION confab_publish_attaching(
            t_id bigint[], m_topic int[], m_id bigint[], m_sender bigint[], m_kind smallint[], m_key uuid[],
            m_payload bytea[], m_target bigint[], m_emoji bytea[], m_flag boolean[], a_entry int[], a_id bigint[],
            OUT seqs bigint[], OUT ids bigint[], OUT states smallint[]
        ) LANGUAGE plpgsql VOLATILE AS $$
        DECLARE
            v_flawed int[];
            v_kept int[];
            v_seqs bigint[];
            v_ids bigint[];
            v_states smallint[];
        BEGIN
            PERFORM 1 FROM topics WHERE id = ANY (t_id) ORDER BY id FOR NO KEY UPDATE;
            PERFORM 1 FROM attachments WHERE id = ANY (a_id) ORDER BY id FOR NO KEY UPDATE;
            SELECT coalesce(array_agg(DISTINCT a.entry), '{}') INTO v_flawed
            FROM unnest(a_entry, a_id) AS a(entry, id)
            WHERE NOT confab_attachment_loadable(m_sender[a.entry], a.id)
                AND NOT EXISTS (SELECT 1 FROM messages m WHERE m.key = m_key[a.entry]
                    AND m.topic_id = t_id[m_topic[a.entry]] AND m.sender_id = m_sender[a.entry]);
            SELECT coalesce(array_agg(i ORDER BY i), '{}') INTO v_kept
            FROM generate_subscripts(m_topic, 1) AS i WHERE i <> ALL (v_flawed);
            SELECT c.seqs, c.ids, c.states INTO v_seqs, v_ids, v_states
            FROM confab_publish_annotated(
                t_id, ARRAY(SELECT m_topic[i] FROM unnest(v_kept) WITH ORDINALITY AS k(i, o) ORDER BY o),
                ARRAY(SELECT m_id[i] FROM unnest(v_kept) WITH ORDINALITY AS k(i, o) ORDER BY o),
                ARRAY(SELECT m_sender[i] FROM unnest(v_kept) WITH ORDINALITY AS k(i, o) ORDER BY o),
                ARRAY(SELECT m_kind[i] FROM unnest(v_kept) WITH ORDINALITY AS k(i, o) ORDER BY o),
                ARRAY(SELECT m_key[i] FROM unnest(v_kept) WITH ORDINALITY AS k(i, o) ORDER BY o),
                ARRAY(SELECT m_payload[i] FROM unnest(v_kept) WITH ORDINALITY AS k(i, o) ORDER BY o),
                ARRAY(SELECT m_target[i] FROM unnest(v_kept) WITH ORDINALITY AS k(i, o) ORDER BY o),
                ARRAY(SELECT m_emoji[i] FROM unnest(v_kept) WITH ORDINALITY AS k(i, o) ORDER BY o),
                ARRAY(SELECT m_flag[i] FROM unnest(v_kept) WITH ORDINALITY AS k(i, o) ORDER BY o)) AS c;
            SELECT array_agg(coalesce(v_seqs[k.o::int], 0) ORDER BY i), array_agg(coalesce(v_ids[k.o::int], 0) ORDER BY i),
                   array_agg(coalesce(v_states[k.o::int], 7)::smallint ORDER BY i)
            INTO seqs, ids, states
            FROM generate_subscripts(m_topic, 1) AS i LEFT JOIN unnest(v_kept) WITH ORDINALITY AS k(i, o) USING (i);
            INSERT INTO attachment_names (attachment_id, topic_id, seq)
            SELECT DISTINCT a.id, t_id[m_topic[a.entry]], seqs[a.entry]
            FROM unnest(a_entry, a_id) AS a(entry, id) WHERE states[a.entry] = 0
                AND NOT EXISTS (SELECT 1 FROM message_deletions d
                    WHERE d.topic_id = t_id[m_topic[a.entry]] AND d.target_seq = seqs[a.entry]);
            UPDATE attachments x SET unnamed_since = NULL
            FROM unnest(a_entry, a_id) AS a(entry, id)
            WHERE x.id = a.id AND states[a.entry] = 0 AND x.unnamed_since IS NOT NULL AND confab_attachment_named(x.id);
        END $$
        """
}
