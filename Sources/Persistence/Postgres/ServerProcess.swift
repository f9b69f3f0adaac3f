import CPostgres

/// A process of the server. Its number alone may be another's later: after a restart, above all in a container, or on a server that took over.
struct ServerProcess: Sendable, Equatable {
    /// Asks for the process of the connection that it is sent on; the answer is text.
    static let own = """
        SELECT pid, (extract(epoch FROM backend_start) * 1000000)::bigint
        FROM pg_stat_activity WHERE pid = pg_backend_pid()
        """

    let id: Int64
    /// Unix microseconds.
    let startedAt: Int64

    init(id: Int64, startedAt: Int64) {
        self.id = id
        self.startedAt = startedAt
    }

    /// From the answer to `own`; nil: the server does not say.
    init?(_ answer: ResultHandle) {
        guard PQntuples(answer.pointer) == 1, let id = Self.number(answer, 0),
            let startedAt = Self.number(answer, 1)
        else { return nil }
        self.init(id: id, startedAt: startedAt)
    }

    private static func number(_ answer: ResultHandle, _ column: Int32) -> Int64? {
        Int64(String(cString: PQgetvalue(answer.pointer, 0, column)))
    }
}
