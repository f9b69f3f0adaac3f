import Client
import Dispatch
import Foundation

/// What both bots need: who they are and where the hub is, from the environment, and how they say things.
package struct Bot: Sendable {
    package enum Problem: Error, CustomStringConvertible {
        case missing(String)
        case unreadableToken

        package var description: String {
            switch self {
            case .missing(let variable): "\(variable) is not set (README.md says what it is)"
            case .unreadableToken: "CONFAB_TOKEN_FILE holds no access token"
            }
        }
    }

    package let client: MQTTClient
    /// The bot's own user id.
    package let id: String

    /// - Parameter name: the client id, unless `CONFAB_CLIENT_ID` gives another one.
    package init(named name: String) throws {
        let environment = ProcessInfo.processInfo.environment
        guard let tokenFile = environment["CONFAB_TOKEN_FILE"] else { throw Problem.missing("CONFAB_TOKEN_FILE") }
        id = try Self.subject(of: try Self.readToken(tokenFile))
        var configuration = MQTTClient.Configuration(
            host: environment["CONFAB_HOST"] ?? "localhost",
            port: environment["CONFAB_PORT"].flatMap { UInt16($0) } ?? 8883,
            // Read again for each connection: whoever renews the token replaces the file.
            authentication: .token { try Self.readToken(tokenFile) },
            clientID: environment["CONFAB_CLIENT_ID"] ?? name)
        if let authority = environment["CONFAB_CA_FILE"] {
            configuration.security = .tlsTrusting(authorityFile: authority)
        }
        configuration.onEvent = { log("\($0)") }
        client = try MQTTClient(configuration)
    }

    /// Connects, and has SIGTERM and SIGINT end the bot well: what it is busy with is finished first.
    package func start() async throws {
        for number in [SIGTERM, SIGINT] {
            signal(number, SIG_IGN)
            let source = DispatchSource.makeSignalSource(signal: number)
            source.setEventHandler { [client] in
                Task { await client.disconnect() }
                // The source lives as long as its handler, which names it.
                source.cancel()
            }
            source.resume()
        }
        try await client.connect()
    }

    /// Publishes, once: the hub knows a message of this bot in this conversation by its reference, however often it is sent, and by
    /// whichever run of the bot. What the hub can't take now is sent again; what it refuses for good is told.
    /// - Returns: the refusal; nil: it is stored.
    package func publish(
        _ payload: String, to topic: String, reference: String, contentType: String? = nil
    ) async throws -> Refusal? {
        while true {
            do {
                try await client.publish(payload, to: topic, clientRef: reference, contentType: contentType)
                return nil
            } catch MQTTError.refused(let refusal) where refusal.isTemporary {
                log("\(topic): \(refusal), trying again")
                try await Task.sleep(for: .seconds(1))
            } catch MQTTError.refused(let refusal) {
                log("\(topic): \(refusal)")
                return refusal
            }
        }
    }

    private static func readToken(_ file: String) throws -> String {
        try String(contentsOfFile: file, encoding: .utf8).trimmingCharacters(in: .whitespacesAndNewlines)
    }

    /// The claim `sub` of an access token: the user's id.
    private static func subject(of token: String) throws -> String {
        struct Claims: Decodable { let sub: String }
        let parts = token.split(separator: ".")
        guard parts.count == 3 else { throw Problem.unreadableToken }
        var text = parts[1].replacing("-", with: "+").replacing("_", with: "/")
        text += String(repeating: "=", count: (4 - text.count % 4) % 4)
        guard let json = Data(base64Encoded: String(text)),
            let claims = try? JSONDecoder().decode(Claims.self, from: json)
        else { throw Problem.unreadableToken }
        return claims.sub
    }
}

/// One line to standard error.
package func log(_ text: String) { FileHandle.standardError.write(Data((text + "\n").utf8)) }
