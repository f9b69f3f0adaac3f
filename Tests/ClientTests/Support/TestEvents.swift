import Synchronization

@testable import Client

/// The events of a client, for a test to wait for.
final class TestEvents: Sendable {
    private let stream: AsyncStream<MQTTClient.Event>
    private let continuation: AsyncStream<MQTTClient.Event>.Continuation

    init() { (stream, continuation) = AsyncStream.makeStream() }

    func note(_ event: MQTTClient.Event) { continuation.yield(event) }

    /// The next event; those before it are gone.
    func next() async -> MQTTClient.Event? {
        var iterator = stream.makeAsyncIterator()
        return await iterator.next()
    }
}

/// A client of the server, which comes back quickly.
func makeClient(
    _ server: ScriptedServer, events: TestEvents = TestEvents(),
    _ edit: (inout MQTTClient.Configuration) -> Void = { _ in }
) throws -> MQTTClient {
    var configuration = MQTTClient.Configuration(
        host: "127.0.0.1", port: server.port, security: .plainTCP, authentication: .anonymous, clientID: "c")
    configuration.reconnectMilliseconds = 10
    configuration.onEvent = { events.note($0) }
    edit(&configuration)
    return try MQTTClient(configuration)
}
