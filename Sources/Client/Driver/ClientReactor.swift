import Diagnostics
import MQTT
import Transport

/// The thread of all clients in this process: one event loop of `Transport`, begun with the first client.
final class ClientReactor: Sendable {
    static let shared = ClientReactor()

    private let mailbox: Mailbox<ClientWorker.Mail>

    private init() {
        do throws(SystemCallError) {
            let mailbox = try Mailbox<ClientWorker.Mail>()
            self.mailbox = mailbox
            startThread("mqtt-client") {
                do throws(SystemCallError) {
                    var reactor = try Reactor(
                        handler: ClientWorker(), listeners: [], mailbox: mailbox, tls: nil, logger: Logger())
                    reactor.run()
                } catch {
                    preconditionFailure("no event loop for clients: \(error)")
                }
            }
        } catch {
            preconditionFailure("no event loop for clients: \(error)")
        }
    }

    /// Runs `mail` on the thread.
    func post(_ mail: @escaping ClientWorker.Mail) { mailbox.post(mail) }
}

/// Spreads what happens on the loop over the clients that it happens to. On the loop's thread only.
struct ClientWorker: ConnectionHandler {
    typealias Mail = @Sendable (inout ClientWorker, inout Connections) -> Void

    /// By the number that `MQTTClient` has; it is the one who adds and removes them.
    var drivers: [UInt64: ClientDriver] = [:]
    private var byConnection: [ConnectionID: ClientDriver] = [:]

    /// Has one client do something, then sends what comes of it.
    mutating func with(
        _ number: UInt64, _ io: inout Connections, _ body: (ClientDriver, inout Connections) -> Void
    ) {
        guard let driver = drivers[number] else { return }
        body(driver, &io)
        settle(driver, &io)
    }

    private mutating func settle(_ driver: ClientDriver, _ io: inout Connections) {
        driver.flush(&io)
        if let connection = driver.connection { byConnection[connection] = driver }
    }

    mutating func mail(_ mail: [Mail], io: inout Connections) {
        for item in mail { item(&self, &io) }
    }

    mutating func received(_ id: ConnectionID, _ bytes: Span<UInt8>, io: inout Connections) -> Int {
        guard let driver = byConnection[id] else { return bytes.count }
        let used = driver.received(bytes, &io)
        settle(driver, &io)
        return used
    }

    mutating func closed(_ id: ConnectionID, io: inout Connections) {
        guard let driver = byConnection.removeValue(forKey: id) else { return }
        driver.connectionEnded(id, io.failure(id) ?? "the server has closed the connection", &io)
        settle(driver, &io)
    }

    mutating func drained(_ id: ConnectionID, io: inout Connections) { byConnection[id]?.drained() }

    mutating func tick(io: inout Connections) {
        for driver in drivers.values {
            driver.tick(&io)
            settle(driver, &io)
        }
    }

    mutating func opened(_ id: ConnectionID, listener: UInt8, peer: PeerAddress, io: inout Connections) {
        preconditionFailure("a loop without listeners")
    }

    /// No client sets deadlines: ticks are precise enough.
    mutating func deadlineReached(_ id: ConnectionID, io: inout Connections) {}

    mutating func turnEnded(io: inout Connections) {}
}
