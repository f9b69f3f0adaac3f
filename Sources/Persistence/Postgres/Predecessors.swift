import Glibc

/// The connections that an earlier hub has left on the database. What it sent last may still lie unread there: done after this hub's own
/// statements it would bring back the past, such as a session as it was before its last PUBREC.
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
            let left = try server.endOlder()
            if left == 0 { return }
            guard monotonicMilliseconds() < limit else {
                throw .unavailable("\(left) connections of an earlier hub do not end")
            }
            usleep(Self.pauseMicroseconds)
        }
    }
}
