import Synchronization

/// Asks the database again and again, on a connection and a thread of its own, whether it answers: also one that hangs, or whose other
/// connections are all busy, is told from one that is well, and whoever asks gets the answer at once.
package final class DatabaseWatch: Sendable {
    private static let periodMilliseconds: Int64 = 1_000
    private static let answerMillisecondsMax: Int64 = 2_000

    private let url: String
    private let answered = Atomic<Bool>(false)
    private let isClosed = Atomic<Bool>(false)
    private let wake = WakeSignal()

    /// - Parameter url: libpq's connection string or URI.
    package init(url: String) { self.url = url }

    /// Starts the thread; it holds the watch until `close`.
    package func start() {
        answered.store(true, ordering: .relaxed)
        startThread("postgres-watch") { self.run() }
    }

    package func close() {
        isClosed.store(true, ordering: .relaxed)
        wake.set()
    }

    /// Whether the last question was answered within 2 s. At most 3 s old, 8 s if connecting hangs.
    package var isUp: Bool { answered.load(ordering: .relaxed) }

    private func run() {
        var server = ServerConnection.closed()
        while !isClosed.load(ordering: .relaxed) {
            do throws(DatabaseError) {
                if !server.isOpen { server = try ServerConnection.connect(url: url, settings: "") }
                _ = try server.run("SELECT 1", limitMilliseconds: Self.answerMillisecondsMax)
                answered.store(true, ordering: .relaxed)
            } catch {
                answered.store(false, ordering: .relaxed)
                server.close()
            }
            wake.wait(milliseconds: Self.periodMilliseconds)
        }
    }
}
