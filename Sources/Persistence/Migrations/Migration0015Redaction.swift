extension Migration {
    /// `confab_redacted` takes every payload. It is asked about entries of all kinds: whether one that is sent again is the same as one that is
    /// there, whose message may have been deleted meanwhile. Those of plain topics have no body, so nothing of them is ever redacted.
    static let redaction = Migration(
        number: 15, name: "redaction",
        sql: """
            CREATE OR REPLACE FUNCTION confab_redacted(payload bytea) RETURNS bytea LANGUAGE sql IMMUTABLE AS $$
                SELECT CASE WHEN position(',"body":'::bytea IN payload) > 0
                    THEN substring(payload FOR position(',"body":'::bytea IN payload) - 1)
                        || ',"body":{"deleted":true}}'::bytea
                    ELSE payload END
            $$
            """)
}
