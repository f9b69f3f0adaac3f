extension Migration {
    /// Users, log-in sessions, friends, blocks, groups and read watermarks. Times are Unix milliseconds unless they say otherwise.
    static let accounts = Migration(
        number: 2, name: "accounts", sql: [userTables, friendTables, groupTables, readTables].joined(separator: ";\n"))

    private static let userTables = """
        CREATE TABLE users (
            id bigint PRIMARY KEY,
            username text COLLATE "C" NOT NULL CONSTRAINT users_username UNIQUE CHECK (username = lower(username)),
            email text COLLATE "C" CONSTRAINT users_email UNIQUE CHECK (email = lower(email)),
            email_verified boolean NOT NULL DEFAULT false,
            password_hash text,
            display_name text NOT NULL,
            bio text NOT NULL DEFAULT '',
            avatar bigint,
            version bigint NOT NULL DEFAULT 1,
            disabled_at bigint
        );
        COMMENT ON COLUMN users.version IS 'counts changes of the profile: its ETag';
        CREATE TABLE login_sessions (
            id bigint PRIMARY KEY,
            user_id bigint NOT NULL REFERENCES users,
            client text NOT NULL,
            address text NOT NULL,
            last_seen_at bigint NOT NULL,
            expires_at bigint NOT NULL,
            access_expires_at bigint NOT NULL,
            revoked_at bigint
        );
        COMMENT ON COLUMN login_sessions.access_expires_at IS 'exp of the newest access token, Unix seconds';
        CREATE INDEX login_sessions_live ON login_sessions (user_id, id) WHERE revoked_at IS NULL;
        CREATE TABLE refresh_tokens (
            hash bytea PRIMARY KEY,
            session_id bigint NOT NULL REFERENCES login_sessions ON DELETE CASCADE,
            state smallint NOT NULL CHECK (state IN (1, 2, 3)),
            access_expires_at bigint NOT NULL,
            expires_at bigint NOT NULL
        );
        COMMENT ON COLUMN refresh_tokens.state IS '1 current, 2 replaced, 3 spent';
        COMMENT ON COLUMN refresh_tokens.access_expires_at IS 'exp of the access token that came with it, Unix seconds';
        CREATE INDEX refresh_tokens_good ON refresh_tokens (session_id) WHERE state < 3
        """

    /// A hidden request is one to a user who blocks the asker: only the asker sees it.
    private static let friendTables = """
        CREATE TABLE friend_requests (
            asker_id bigint NOT NULL REFERENCES users,
            asked_id bigint NOT NULL REFERENCES users,
            created_at bigint NOT NULL,
            hidden boolean NOT NULL,
            PRIMARY KEY (asker_id, asked_id),
            CHECK (asker_id <> asked_id)
        );
        CREATE INDEX friend_requests_asked ON friend_requests (asked_id, asker_id);
        CREATE TABLE friendships (
            low_id bigint NOT NULL REFERENCES users,
            high_id bigint NOT NULL REFERENCES users,
            topic_id bigint NOT NULL REFERENCES topics,
            since bigint NOT NULL,
            PRIMARY KEY (low_id, high_id),
            CHECK (low_id < high_id)
        );
        CREATE INDEX friendships_high ON friendships (high_id, low_id);
        CREATE TABLE blocks (
            blocker_id bigint NOT NULL REFERENCES users,
            blocked_id bigint NOT NULL REFERENCES users,
            created_at bigint NOT NULL,
            PRIMARY KEY (blocker_id, blocked_id),
            CHECK (blocker_id <> blocked_id)
        );
        CREATE INDEX topics_direct_high ON topics (high, low) WHERE kind = 2
        """

    private static let groupTables = """
        CREATE TABLE groups (
            id bigint PRIMARY KEY,
            name text NOT NULL,
            picture bigint,
            announcement boolean NOT NULL,
            owner_id bigint NOT NULL REFERENCES users,
            member_count integer NOT NULL,
            version bigint NOT NULL DEFAULT 1
        ) WITH (fillfactor = 85);
        CREATE TABLE members (
            group_id bigint NOT NULL REFERENCES groups,
            user_id bigint NOT NULL REFERENCES users,
            role smallint NOT NULL CHECK (role IN (1, 2, 3)),
            joined_at bigint NOT NULL,
            joined_seq bigint NOT NULL DEFAULT 0,
            PRIMARY KEY (group_id, user_id)
        );
        COMMENT ON COLUMN members.joined_seq IS 'the entry of the group''s log that made the user a member';
        COMMENT ON COLUMN members.role IS '1 member, 2 admin, 3 owner';
        CREATE INDEX members_user ON members (user_id, group_id);
        CREATE UNIQUE INDEX members_owner ON members (group_id) WHERE role = 3
        """

    /// How far a user has read a topic: conversations and its inbox alike. And the one rule who may read which stored topic: its id
    /// for who may, else null. A conversation of two stays readable after their friendship.
    private static let readTables = """
        CREATE TABLE read_marks (
            user_id bigint NOT NULL,
            topic_id bigint NOT NULL,
            read_seq bigint NOT NULL,
            PRIMARY KEY (user_id, topic_id)
        ) WITH (fillfactor = 85);
        COMMENT ON TABLE read_marks IS 'what a user sent itself counts as read without a row';
        CREATE FUNCTION confab_readable(p_user bigint, p_kind bigint, p_id bigint, p_low bigint, p_high bigint)
        RETURNS bigint LANGUAGE sql STABLE AS $$
            SELECT CASE p_kind
                WHEN 1 THEN CASE WHEN p_id = p_user THEN p_id END
                WHEN 2 THEN (SELECT t.id FROM topics t
                    WHERE t.kind = 2 AND t.low = p_low AND t.high = p_high AND p_user IN (p_low, p_high))
                WHEN 3 THEN (SELECT m.group_id FROM members m WHERE m.group_id = p_id AND m.user_id = p_user)
            END
        $$
        """
}
