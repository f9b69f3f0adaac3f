extension MQTTClient {
    /// Where to connect, as whom, and how patiently.
    public struct Configuration: Sendable {
        /// How the connection is protected, and whom the client trusts.
        public enum Security: Sendable {
            /// MQTT over TLS, as the system's certificate authorities vouch for the server.
            case tls
            /// MQTT over TLS; only what the PEM file holds is trusted. A self-signed certificate may be its own authority.
            case tlsTrusting(authorityFile: String)
            /// Everything, tokens too, can be read on the way: for loopback, and behind a proxy that adds TLS.
            case plainTCP
        }

        /// As whom the client connects.
        public enum Authentication: Sendable {
            case anonymous
            case password(user: String, password: String)
            /// An access token (JWT), by MQTT's method `JWT`. Asked for before each connection, and again before the last one expires
            /// (`exp`), to stay connected with a new one. An error counts as a connection that failed: it is asked again later.
            case token(@Sendable () async throws -> String)
        }

        /// A name or a numeric address. With TLS the server's certificate must be for it.
        public var host: String
        /// 1 to 65,535.
        public var port: UInt16
        /// TLS, and whom to trust.
        public var security: Security
        /// As whom the client connects.
        public var authentication: Authentication
        /// Names the session at the server: two programs with the same one take the connection from each other.
        public var clientID: String

        /// Whether the first connection forgets what an earlier run left at the server.
        public var cleanStart = false
        /// How long the server keeps subscriptions and messages for a client that is away. 0: they end with the connection.
        public var sessionExpirySeconds: UInt32 = 7 * 24 * 3600
        /// After so much silence the server is asked whether it is still there. 0: never.
        public var keepAliveSeconds: UInt16 = 60
        /// Messages of QoS 1 and 2 that may be here and not acknowledged; the server holds back the next. At least 1.
        public var receiveMaximum: UInt16 = 64
        /// The largest packet that is accepted, in bytes.
        public var packetBytesMax: UInt32 = 1024 * 1024

        /// How long a connection may take from its beginning to the server's answer to CONNECT.
        public var connectMilliseconds: Int64 = 10_000
        /// The pause after the first failure in a row; each further one doubles it. The actual pause is a random one between half of it and
        /// the whole, so that clients of one server do not come back all at once.
        public var reconnectMilliseconds: Int64 = 500
        /// The longest pause that doubling leads to.
        public var reconnectMillisecondsMax: Int64 = 60_000
        /// How long `disconnect` waits for publishes without an answer and for the message that the program is busy with.
        public var disconnectMilliseconds: Int64 = 5_000

        /// Told of what happens to the connection, in order, on the client's thread: it must not block.
        public var onEvent: @Sendable (Event) -> Void = { _ in }

        /// All else has a default, and can be changed before the client is made.
        public init(
            host: String, port: UInt16 = 8883, security: Security = .tls, authentication: Authentication,
            clientID: String
        ) {
            self.host = host
            self.port = port
            self.security = security
            self.authentication = authentication
            self.clientID = clientID
        }
    }

    /// What happens to the connection.
    public enum Event: Sendable, Equatable {
        /// - Parameter sessionPresent: whether the server still had the session; if not, what came since it was lost is lost, and the
        ///   client has subscribed anew to what it was subscribed to.
        case connected(sessionPresent: Bool)
        /// The connection, or an attempt to make one, has failed; the next follows after the pause.
        case disconnected(MQTTError, retryMilliseconds: Int64)
        /// The server had lost the session and refuses a subscription that it had granted before.
        case subscriptionLost(filter: String, Refusal)
    }
}
