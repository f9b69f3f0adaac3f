import Broker
import Persistence
import Synchronization
import Transport

/// What operators ask, on a port of its own: is it alive, is it ready, how much does it do.
final class OperationsAPI: Sendable {
    private let database: DatabaseWatch
    private let log: LogWriter
    private let hub: Hub
    private let isStopping = Atomic<Bool>(false)

    init(database: DatabaseWatch, log: LogWriter, hub: Hub) {
        self.database = database
        self.log = log
        self.hub = hub
    }

    /// From now on not ready: load balancers look elsewhere.
    func stop() { isStopping.store(true, ordering: .relaxed) }

    func respond(to request: HTTPRequest) async -> HTTPResponse {
        guard request.method == "GET" || request.method == "HEAD" else {
            return text(405, "only GET\n", headers: [("Allow", "GET, HEAD")])
        }
        switch request.path {
        case "/healthz": return text(200, "ok\n")
        case "/readyz": return readiness()
        case "/metrics": return text(200, MetricsPage(hub.statistics()).text)
        default: return text(404, "/healthz, /readyz and /metrics are here\n")
        }
    }

    private func readiness() -> HTTPResponse {
        if isStopping.load(ordering: .relaxed) { return text(503, "stopping\n") }
        guard database.isUp else { return text(503, "the database is away\n") }
        return log.isAway ? text(503, "the database stores nothing\n") : text(200, "ready\n")
    }

    private func text(_ status: Int, _ body: String, headers: [(name: String, value: String)] = []) -> HTTPResponse {
        HTTPResponse(
            status: status,
            headers: [("Content-Type", "text/plain; charset=utf-8"), ("Cache-Control", "no-store")] + headers,
            body: Array(body.utf8))
    }
}
