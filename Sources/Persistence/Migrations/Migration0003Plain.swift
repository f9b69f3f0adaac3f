extension Migration {
    /// What plain MQTT topics and the exchanges of QoS 2 need: retained messages, wills, logs of filters, what sessions have in flight.
    static let plain = Migration(
        number: 3, name: "plain", sql: [sessionStates, filterLogs, retained, wills].joined(separator: ";\n"))

    /// A topic or filter may have 65,535 bytes, and an index entry 2,704: so what is long is found by its hash.
    private static let sessionStates = """
        ALTER TABLE mqtt_sessions
            ADD outbound bytea NOT NULL DEFAULT '',
            ADD inbound bytea NOT NULL DEFAULT '',
            ADD packets bytea NOT NULL DEFAULT '',
            ADD holds_shared boolean NOT NULL DEFAULT false,
            ALTER outbound SET STORAGE MAIN,
            ALTER inbound SET STORAGE MAIN;
        COMMENT ON COLUMN mqtt_sessions.outbound IS 'deliveries that are not complete: SessionStateCodec';
        COMMENT ON COLUMN mqtt_sessions.inbound IS 'QoS 2 publishes between PUBLISH and PUBREL: SessionStateCodec';
        COMMENT ON COLUMN mqtt_sessions.packets IS 'deliveries that no log has: SessionStateCodec';
        COMMENT ON COLUMN mqtt_sessions.holds_shared IS 'outbound has entries of shared subscriptions';
        CREATE INDEX mqtt_sessions_holding_shared ON mqtt_sessions (id) WHERE holds_shared;
        ALTER TABLE mqtt_subscriptions DROP CONSTRAINT mqtt_subscriptions_pkey;
        ALTER TABLE mqtt_subscriptions ADD log_seq bigint;
        COMMENT ON COLUMN mqtt_subscriptions.log_seq IS 'end of the filter''s log at SUBSCRIBE: where a session without a cursor begins';
        CREATE UNIQUE INDEX mqtt_subscriptions_filter ON mqtt_subscriptions (session_id, sha256(filter));
        CREATE INDEX mqtt_subscriptions_sessions ON mqtt_subscriptions (sha256(filter))
        """

    /// The log of a plain filter: whatever is published at QoS 1 or 2 on topics that it matches, for the persistent sessions that
    /// subscribed to it. A shared subscription with its name is a filter like others, whose sessions have one place in the log together.
    private static let filterLogs = """
        ALTER TABLE topics DROP CONSTRAINT topics_kind_check, ADD CONSTRAINT topics_kind_check CHECK (kind BETWEEN 1 AND 4);
        COMMENT ON COLUMN topics.kind IS '1 inbox, 2 direct, 3 group, 4 log of a plain filter';
        CREATE TABLE filter_logs (
            topic_id bigint PRIMARY KEY REFERENCES topics ON DELETE CASCADE,
            filter bytea NOT NULL,
            consumed_seq bigint NOT NULL DEFAULT 0,
            consumed_above bytea NOT NULL DEFAULT '',
            wanted_at timestamptz NOT NULL DEFAULT now()
        );
        COMMENT ON COLUMN filter_logs.consumed_seq IS 'shared subscriptions: entries up to this one are done with';
        COMMENT ON COLUMN filter_logs.consumed_above IS 'what is done with above that: Consumption';
        COMMENT ON COLUMN filter_logs.wanted_at IS 'when a session last subscribed';
        CREATE UNIQUE INDEX filter_logs_filter ON filter_logs (sha256(filter))
        """

    /// Wildcards are found by walking the topics in order from the filter's literal beginning on. Values are replaced again and again, and
    /// none of the indexes is concerned unless they expire: with room on the page that writes nothing but the row.
    private static let retained = """
        CREATE TABLE retained (
            topic bytea NOT NULL,
            qos smallint NOT NULL,
            expires_at bigint NOT NULL,
            properties bytea NOT NULL,
            payload bytea NOT NULL
        ) WITH (fillfactor = 80);
        COMMENT ON COLUMN retained.expires_at IS 'Unix milliseconds, 0: never';
        COMMENT ON COLUMN retained.properties IS 'raw MQTT 5 properties that go with it';
        CREATE UNIQUE INDEX retained_topic ON retained (sha256(topic));
        CREATE INDEX retained_order ON retained (substring(topic for 512), sha256(topic));
        CREATE INDEX retained_expiry ON retained (expires_at) WHERE expires_at > 0
        """

    /// The wills of connected clients, of those whose delay runs, and of those to be sent now: of the last there may be several of one
    /// client, since each of its connections has its own.
    private static let wills = """
        CREATE TABLE mqtt_wills (
            id bigint PRIMARY KEY,
            user_id bigint NOT NULL,
            client_id bytea NOT NULL,
            due_at bigint,
            entry_id bigint,
            delay_seconds bigint NOT NULL,
            session_seconds bigint NOT NULL,
            topic bytea NOT NULL,
            qos smallint NOT NULL,
            retain boolean NOT NULL,
            expiry_seconds bigint,
            properties bytea NOT NULL,
            payload bytea NOT NULL,
            rules bytea
        );
        COMMENT ON COLUMN mqtt_wills.due_at IS 'Unix milliseconds; null: its client is connected';
        COMMENT ON COLUMN mqtt_wills.entry_id IS 'of the entry that it becomes on a stored topic; given when it is first sent';
        COMMENT ON COLUMN mqtt_wills.session_seconds IS 'session expiry: the will is due no later than the end of the session';
        COMMENT ON COLUMN mqtt_wills.rules IS 'the acl claim of the client''s token as JSON; null: it has none, or there is no token';
        CREATE INDEX mqtt_wills_client ON mqtt_wills (user_id, client_id);
        CREATE INDEX mqtt_wills_due ON mqtt_wills (due_at) WHERE due_at IS NOT NULL
        """
}
