extension Migration {
    /// Second factors, mailed codes and the outbox, addresses of log-ins, administrators, deleted accounts.
    static let security = Migration(
        number: 8, name: "security", sql: [accountColumns, secondFactors, mail, upkeep].joined(separator: ";\n"))

    private static let accountColumns = """
        ALTER TABLE users ADD is_admin boolean NOT NULL DEFAULT false, ADD deleted_at bigint;
        COMMENT ON COLUMN users.deleted_at IS 'the account is a name on old messages only; disabled_at is set too';
        CREATE INDEX users_deleted ON users (deleted_at) WHERE deleted_at IS NOT NULL;
        CREATE TABLE known_networks (
            user_id bigint NOT NULL REFERENCES users ON DELETE CASCADE,
            network text COLLATE "C" NOT NULL,
            last_at bigint NOT NULL,
            PRIMARY KEY (user_id, network)
        );
        COMMENT ON TABLE known_networks IS 'from where a user has logged in: an IPv4 address or the /64 of an IPv6 one';
        CREATE INDEX known_networks_age ON known_networks (last_at);
        CREATE TABLE ended_users (user_id bigint PRIMARY KEY);
        COMMENT ON TABLE ended_users IS 'what another process has ended: the hub closes the connections and removes the row'
        """

    private static let secondFactors = """
        CREATE TABLE totp_factors (
            user_id bigint PRIMARY KEY REFERENCES users ON DELETE CASCADE,
            secret bytea NOT NULL,
            confirmed_at bigint,
            last_step bigint NOT NULL DEFAULT 0
        );
        COMMENT ON COLUMN totp_factors.secret IS 'sealed by Identity.SecretBox';
        COMMENT ON COLUMN totp_factors.confirmed_at IS 'null: does not count yet';
        COMMENT ON COLUMN totp_factors.last_step IS 'the last 30 s step that was accepted: none counts twice';
        CREATE TABLE recovery_codes (
            user_id bigint NOT NULL REFERENCES users ON DELETE CASCADE,
            hash bytea NOT NULL,
            PRIMARY KEY (user_id, hash)
        );
        COMMENT ON COLUMN recovery_codes.hash IS 'SHA-256; a used one is deleted'
        """

    private static let mail = """
        CREATE TABLE mailed_codes (
            user_id bigint NOT NULL REFERENCES users ON DELETE CASCADE,
            purpose smallint NOT NULL CHECK (purpose IN (1, 2)),
            hash bytea NOT NULL CONSTRAINT mailed_codes_hash UNIQUE,
            email text COLLATE "C" NOT NULL,
            created_at bigint NOT NULL,
            expires_at bigint NOT NULL,
            PRIMARY KEY (user_id, purpose)
        );
        COMMENT ON COLUMN mailed_codes.purpose IS '1 verify the e-mail address, 2 reset the password';
        COMMENT ON COLUMN mailed_codes.email IS 'where it was sent: it proves no other address';
        CREATE TABLE mail_outbox (
            id bigint PRIMARY KEY,
            recipient text NOT NULL,
            message bytea NOT NULL,
            attempts integer NOT NULL DEFAULT 0,
            next_at bigint NOT NULL,
            expires_at bigint NOT NULL
        );
        COMMENT ON COLUMN mail_outbox.message IS 'sealed by Identity.SecretBox, since it holds a code';
        CREATE INDEX mail_outbox_next ON mail_outbox (next_at)
        """

    /// For what is removed by age; deleting a session looks for its refresh tokens.
    private static let upkeep = """
        CREATE INDEX refresh_tokens_session ON refresh_tokens (session_id);
        CREATE INDEX refresh_tokens_expiry ON refresh_tokens (expires_at)
        """
}
