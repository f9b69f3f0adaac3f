extension ServerConnection {
    /// The server needs no time for it.
    private static let endMilliseconds: Int64 = 10_000

    /// Ends older connections of a hub to this database. A statement that lies unread there, behind a server or a network that hangs, is not
    /// begun any more; else it might be done after what is sent here, and bring back the past.
    /// - Parameter processes: the server's for these connections; nil: all.
    /// - Returns: how many of them there still are.
    mutating func endOlder(_ processes: [ServerProcess]? = nil) throws(DatabaseError) -> Int {
        let ended = processes ?? []
        let rows = try run(
            """
            SELECT count(pg_terminate_backend(old.pid)) FROM pg_stat_activity old, pg_stat_activity own
            WHERE own.pid = pg_backend_pid() AND old.backend_start < own.backend_start
                AND (old.datid, old.usesysid, old.application_name) = (own.datid, own.usesysid, own.application_name)
                AND ($1 OR (old.pid, (extract(epoch FROM old.backend_start) * 1000000)::bigint) IN (
                    SELECT ended.pid, ended.started_at FROM unnest($2, $3) AS ended(pid, started_at)))
            """,
            ParameterBuffer([.bool(processes == nil), .ints(ended.map(\.id)), .ints(ended.map(\.startedAt))]),
            limitMilliseconds: Self.endMilliseconds)
        return Int(rows.int(0, 0))
    }
}
