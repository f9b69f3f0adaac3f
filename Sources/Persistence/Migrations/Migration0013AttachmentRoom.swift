extension Migration {
    /// An upload whose length is known takes all of its room before its second piece: of many at once, those that fit come through.
    static let attachmentRoom = Migration(
        number: 13, name: "attachment room",
        sql: """
            ALTER TABLE attachments ADD COLUMN room bigint NOT NULL DEFAULT 0;
            COMMENT ON COLUMN attachments.room IS 'bytes that are to come, and are counted in attachment_usage already; 0 when it is complete';
            CREATE FUNCTION confab_reserve_room(p_id bigint, p_bytes bigint, p_quota bigint)
            RETURNS int LANGUAGE plpgsql VOLATILE AS $$
            DECLARE
                v_owner bigint;
            BEGIN
                SELECT a.owner_id INTO v_owner FROM attachments a WHERE a.id = p_id AND a.state = 1 FOR NO KEY UPDATE;
                IF NOT FOUND THEN
                    RETURN 2;
                END IF;
                UPDATE attachment_usage u SET bytes = u.bytes + p_bytes
                WHERE u.user_id = v_owner AND u.bytes + p_bytes <= p_quota;
                IF NOT FOUND THEN
                    RETURN 1;
                END IF;
                UPDATE attachments a SET room = a.room + p_bytes WHERE a.id = p_id;
                RETURN 0;
            END $$;
            CREATE OR REPLACE FUNCTION confab_store_chunk(p_id bigint, p_number int, p_bytes bytea, p_quota bigint, p_now bigint)
            RETURNS int LANGUAGE plpgsql VOLATILE AS $$
            DECLARE
                v_owner bigint;
                v_reserved bigint;
                v_more bigint;
            BEGIN
                SELECT a.owner_id, least(a.room, length(p_bytes)) INTO v_owner, v_reserved
                FROM attachments a WHERE a.id = p_id AND a.state = 1 FOR NO KEY UPDATE;
                IF NOT FOUND THEN
                    RETURN 2;
                END IF;
                v_more := length(p_bytes) - v_reserved;
                IF v_more > 0 THEN
                    UPDATE attachment_usage u SET bytes = u.bytes + v_more
                    WHERE u.user_id = v_owner AND u.bytes + v_more <= p_quota;
                    IF NOT FOUND THEN
                        RETURN 1;
                    END IF;
                END IF;
                UPDATE attachments a SET size = a.size + length(p_bytes), room = a.room - v_reserved, unnamed_since = p_now
                WHERE a.id = p_id;
                INSERT INTO attachment_chunks (attachment_id, number, bytes) VALUES (p_id, p_number, p_bytes);
                RETURN 0;
            END $$;
            CREATE FUNCTION confab_complete_attachment(p_id bigint, p_sha256 bytea, p_now bigint)
            RETURNS SETOF attachments LANGUAGE plpgsql VOLATILE AS $$
            DECLARE
                v_owner bigint;
                v_room bigint;
            BEGIN
                SELECT a.owner_id, a.room INTO v_owner, v_room
                FROM attachments a WHERE a.id = p_id AND a.state = 1 FOR NO KEY UPDATE;
                IF v_room > 0 THEN
                    UPDATE attachment_usage u SET bytes = u.bytes - v_room WHERE u.user_id = v_owner;
                END IF;
                RETURN QUERY UPDATE attachments a SET state = 2, sha256 = p_sha256, room = 0, unnamed_since = p_now
                WHERE a.id = p_id AND a.state = 1 RETURNING a.*;
            END $$;
            CREATE OR REPLACE FUNCTION confab_erase_attachment(p_id bigint) RETURNS void LANGUAGE plpgsql VOLATILE AS $$
            DECLARE
                v_owner bigint;
                v_bytes bigint;
            BEGIN
                DELETE FROM attachments a WHERE a.id = p_id AND a.state <> 2
                RETURNING a.owner_id, a.size + a.room INTO v_owner, v_bytes;
                IF NOT FOUND THEN
                    RETURN;
                END IF;
                DELETE FROM attachment_chunks c WHERE c.attachment_id = p_id;
                UPDATE attachment_usage u SET bytes = u.bytes - v_bytes WHERE u.user_id = v_owner;
            END $$
            """)
}
