extension Migration {
    /// Requests that carry an `Idempotency-Key`, and what was answered to them.
    static let requestKeys = Migration(
        number: 10, name: "request keys",
        sql: """
            CREATE TABLE request_keys (
                user_id bigint NOT NULL REFERENCES users ON DELETE CASCADE,
                digest bytea NOT NULL,
                claim bigint NOT NULL,
                lease_until bigint NOT NULL,
                is_decided boolean NOT NULL DEFAULT false,
                fingerprint bytea,
                status smallint,
                headers text,
                body bytea,
                expires_at bigint NOT NULL,
                PRIMARY KEY (user_id, digest)
            );
            COMMENT ON COLUMN request_keys.digest IS 'SHA-256 of method, path and key';
            COMMENT ON COLUMN request_keys.claim IS 'who works on the request: its transactions commit only while this stands here';
            COMMENT ON COLUMN request_keys.lease_until IS 'moved on while somebody works on it; then another may begin';
            COMMENT ON COLUMN request_keys.is_decided IS 'set in the transaction that did what was asked for';
            COMMENT ON COLUMN request_keys.fingerprint IS 'SHA-256 of what was sent; null: not read yet';
            COMMENT ON COLUMN request_keys.status IS 'null: not answered';
            COMMENT ON COLUMN request_keys.headers IS 'NAME: VALUE, one a line';
            CREATE INDEX request_keys_expiry ON request_keys (expires_at)
            """)
}
