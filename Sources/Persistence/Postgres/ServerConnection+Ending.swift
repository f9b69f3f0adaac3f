extension ServerConnection {
    /// The server needs no time for it.
    private static let endMilliseconds: Int64 = 10_000

    /// Ends older connections of a hub to this database. A statement that lies unread there, behind a server or a network that hangs, is not
    /// begun any more; else it might be done after what is sent here, and bring back the past.
    /// - Parameter processes: the server's for these connections; nil: all.
    /// - Returns: how many of them there still are.
    mutating func endOlder(_ processes: [Int64]? = nil) throws(DatabaseError) -> Int {
        let rows = try run(
            """
            SELECT count(pg_terminate_backend(old.pid)) FROM pg_stat_activity old, pg_stat_activity own
            WHERE own.pid = pg_backend_pid() AND old.backend_start < own.backend_start
                AND (old.datid, old.usesysid, old.application_name) = (own.datid, own.usesysid, own.application_name)
                AND ($1 OR old.pid = ANY($2))
            """, ParameterBuffer([.bool(processes == nil), .ints(processes ?? [])]),
            limitMilliseconds: Self.endMilliseconds)
        return Int(rows.int(0, 0))
    }
}
