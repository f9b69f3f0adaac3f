import Glibc

/// The connections that an earlier hub has left on the database. What it sent last may still lie unread there, behind a server or a network
/// that hung: done after this hub's own statements it would bring back the past, such as a session as it was before its last PUBREC.
package struct Predecessors: Sendable {
    /// A server that hangs ends nothing. Then the start fails, and who supervises the hub tries again.
    static let limitMilliseconds: Int64 = 60_000
    private static let pauseMicroseconds: useconds_t = 20_000

    private let url: String

    /// - Parameter url: libpq's connection string or URI.
    package init(url: String) { self.url = url }

    /// Ends them, and returns when they are gone. To be called before anything is read that this hub goes on from.
    package func end() async throws(DatabaseError) {
        let result = await withCheckedContinuation { continuation in
            startThread("postgres-end") {
                continuation.resume(returning: Result { () throws(DatabaseError) in try self.endWaiting() })
            }
        }
        try result.get()
    }

    private func endWaiting() throws(DatabaseError) {
        var server = try ServerConnection.connect(url: url, settings: "")
        let limit = monotonicMilliseconds() + Self.limitMilliseconds
        while true {
            let left = try endOnce(&server)
            if left == 0 { return }
            guard monotonicMilliseconds() < limit else {
                throw .unavailable("\(left) connections of an earlier hub do not end")
            }
            usleep(Self.pauseMicroseconds)
        }
    }

    /// Those that are older than this one. A hub that runs, if there is one, may connect anew.
    /// - Returns: how many are still there.
    private func endOnce(_ server: inout ServerConnection) throws(DatabaseError) -> Int {
        let rows = try server.run(
            """
            SELECT count(pg_terminate_backend(old.pid)) FROM pg_stat_activity old, pg_stat_activity own
            WHERE own.pid = pg_backend_pid() AND old.backend_start < own.backend_start
                AND (old.datid, old.usesysid, old.application_name) = (own.datid, own.usesysid, own.application_name)
            """, ParameterBuffer(), limitMilliseconds: Self.limitMilliseconds)
        return Int(rows.int(0, 0))
    }
}
