extension Migration {
    /// Users whom outside issuers brought. A new user and its row are made in one transaction, of which the row comes first: whoever
    /// else sees the same subject for the first time waits for its key.
    static let issuers = Migration(
        number: 6, name: "issuers",
        sql: """
            CREATE TABLE outside_subjects (
                issuer text COLLATE "C" NOT NULL,
                subject text COLLATE "C" NOT NULL,
                user_id bigint NOT NULL REFERENCES users DEFERRABLE INITIALLY DEFERRED,
                PRIMARY KEY (issuer, subject)
            );
            COMMENT ON TABLE outside_subjects IS 'which user an outside issuer means by the sub claim of its tokens'
            """)
}
