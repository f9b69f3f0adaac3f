extension Migration {
    /// Bots and their tokens, and invitations to groups. Times are Unix milliseconds.
    static let bots = Migration(number: 9, name: "bots", sql: [botTables, inviteTable].joined(separator: ";\n"))

    /// A bot is an account in which nobody can log in.
    private static let botTables = """
        ALTER TABLE users ADD owner_id bigint REFERENCES users,
            ADD CONSTRAINT users_bot CHECK (owner_id IS NULL OR password_hash IS NULL AND email IS NULL AND NOT is_admin);
        COMMENT ON COLUMN users.owner_id IS 'null: no bot';
        CREATE INDEX users_owner ON users (owner_id, id) WHERE owner_id IS NOT NULL;
        CREATE TABLE bot_tokens (
            id bigint PRIMARY KEY,
            bot_id bigint NOT NULL REFERENCES users ON DELETE CASCADE,
            name text,
            expires_at bigint NOT NULL,
            last_used_at bigint
        );
        COMMENT ON TABLE bot_tokens IS 'tokens that are good, by their jti; a revoked one is deleted';
        CREATE INDEX bot_tokens_bot ON bot_tokens (bot_id, id);
        CREATE INDEX bot_tokens_expiry ON bot_tokens (expires_at)
        """

    /// Without a reference to the group: an invitation outlives it, so that whoever comes too late is told so.
    private static let inviteTable = """
        CREATE TABLE group_invites (
            id bigint PRIMARY KEY,
            code text COLLATE "C" NOT NULL CONSTRAINT group_invites_code UNIQUE,
            group_id bigint NOT NULL,
            creator_id bigint NOT NULL REFERENCES users,
            expires_at bigint NOT NULL,
            uses_left bigint CHECK (uses_left >= 0),
            revoked_at bigint
        );
        COMMENT ON COLUMN group_invites.uses_left IS 'null: any number';
        CREATE INDEX group_invites_group ON group_invites (group_id, id);
        CREATE INDEX group_invites_expiry ON group_invites (expires_at);
        CREATE FUNCTION confab_invite_is_live(p_invite group_invites, p_now bigint) RETURNS boolean LANGUAGE sql IMMUTABLE AS $$
            SELECT p_invite.expires_at > p_now AND p_invite.revoked_at IS NULL AND coalesce(p_invite.uses_left, 1) > 0
        $$
        """
}
