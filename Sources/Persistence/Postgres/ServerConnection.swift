import CLinux
import COpenSSL
import CPostgres
import Glibc

/// A statement as prepared: by its literal's address, and by the parameters' types, since a null leaves the type to the server.
struct StatementKey: Hashable {
    let address: UInt
    let types: [UInt32]

    init(_ sql: StaticString, _ types: [UInt32]) {
        address = UInt(bitPattern: sql.utf8Start)
        self.types = types
    }
}

/// The results of what was sent, as far as they have come.
struct PartialAnswer {
    fileprivate var last: ResultHandle?
    fileprivate var failure: DatabaseError?

    /// The last result, or the first error.
    func get() throws(DatabaseError) -> ResultHandle? {
        if let failure { throw failure }
        return last
    }
}

/// Owns a `PGconn`: sends and reads without waiting, and knows what is prepared on it. One thread at a time.
struct ServerConnection: ~Copyable, @unchecked Sendable {
    /// An attempt to connect, and each setting after it, may take so long: what answers later is as good as dead.
    static let connectSecondsMax: Int64 = 5

    /// Nil after `close`; libpq then answers every call with a failure.
    private var handle: OpaquePointer?
    /// The server's process for this connection, which may outlive it; nil: there is none, or it is not told.
    private(set) var process: ServerProcess?
    private var prepared: [StatementKey: String] = [:]

    /// Connects, waiting, and sets up the session.
    /// - Parameters:
    ///   - url: libpq's connection string or URI.
    ///   - settings: further SQL for the session, `SET …; SET …`.
    static func connect(url: String, settings: String) throws(DatabaseError) -> ServerConnection {
        let options: [(String, String)] = [
            // Of several hosts the one that can write, unless the URL says otherwise: it stands behind, so its values count.
            ("target_session_attrs", "read-write"), ("dbname", url), ("application_name", "confab"),
            ("client_encoding", "UTF8"),
            ("connect_timeout", "\(Self.connectSecondsMax)"), ("keepalives_idle", "30"), ("keepalives_interval", "10"),
            ("keepalives_count", "3"), ("tcp_user_timeout", "30000"),
        ]
        let connection = withCStrings(options.map(\.0)) { keys in
            withCStrings(options.map(\.1)) { values in PQconnectdbParams(keys, values, 1) }
        }
        guard let connection else { throw .unavailable("out of memory") }
        var server = ServerConnection(connection)
        guard server.isOpen else { throw .unavailable(server.lastError) }
        PQsetNoticeProcessor(connection, { _, _ in }, nil)
        guard PQsetnonblocking(connection, 1) == 0 else { throw .unavailable(server.lastError) }
        let session = "SET jit = off; SET TimeZone = 'UTC'; SET client_min_messages = warning; \(settings)"
        let own = try server.run("\(session); \(ServerProcess.own)", limitMilliseconds: Self.connectSecondsMax * 1_000)
        server.process = own.flatMap { ServerProcess($0) }
        return server
    }

    /// Stands for a connection that is yet to be made.
    static func closed() -> ServerConnection { ServerConnection(nil) }

    private init(_ handle: OpaquePointer?) { self.handle = handle }

    deinit { PQfinish(handle) }

    mutating func close() {
        PQfinish(handle)
        handle = nil
    }

    var descriptor: Int32 { PQsocket(handle) }
    var isOpen: Bool { PQstatus(handle) == CONNECTION_OK }
    var isIdle: Bool { PQtransactionStatus(handle) == PQTRANS_IDLE }
    var lastError: String { String(cString: PQerrorMessage(handle)).trimmedLine }

    /// The name under which `key` is prepared on this connection.
    func name(of key: StatementKey) -> String? { prepared[key] }

    /// Notes that the server has prepared `key`.
    mutating func remember(_ key: StatementKey, as name: String) { prepared[key] = name }

    /// A name for the next statement to be prepared.
    var freeName: String { "s\(prepared.count)" }

    func sendPrepare(_ name: String, _ sql: StaticString, types: [UInt32]) -> Bool {
        let text = UnsafeRawPointer(sql.utf8Start).assumingMemoryBound(to: CChar.self)
        return PQsendPrepare(handle, name, text, Int32(types.count), types) == 1
    }

    func sendExecute(_ name: String, _ parameters: ParameterBuffer) -> Bool {
        parameters.withPointers { count, values, lengths, formats in
            PQsendQueryPrepared(handle, name, count, values, lengths, formats, 1) == 1
        }
    }

    enum Flush { case done, again, broken }

    func flush() -> Flush {
        switch PQflush(handle) {
        case 0: .done
        case 1: .again
        default: .broken
        }
    }

    /// Takes in all that has arrived. False: the connection is broken.
    func consume() -> Bool {
        repeat {
            guard PQconsumeInput(handle) == 1, isOpen else { return false }
        } while hasDecrypted
        return true
    }

    /// OpenSSL has the rest of a record for which libpq had no room: a wait for the socket would not end with it. PostgreSQL sends 8 KiB at a time,
    /// which fit; poolers send more.
    private var hasDecrypted: Bool {
        guard let tls = PQsslStruct(handle, "OpenSSL") else { return false }
        return SSL_pending(OpaquePointer(tls)) > 0
    }

    /// Whether a connection on which nothing runs still lives. A server that goes says so and closes: that may lie unread.
    func isAlive() -> Bool {
        var byte: UInt8 = 0
        if recv(descriptor, &byte, 1, Int32(MSG_PEEK | MSG_DONTWAIT)) < 0, errno == EAGAIN {
            return isOpen
        }
        // First the message, then the end.
        return consume() && consume()
    }

    enum Answer {
        /// More must arrive first.
        case wait
        case result(ResultHandle)
        /// The statement's last result has been read.
        case end
    }

    func nextAnswer() -> Answer {
        guard PQisBusy(handle) == 0 else { return .wait }
        guard let result = PQgetResult(handle) else { return .end }
        return .result(ResultHandle(result))
    }

    /// Runs several statements as text, waiting. For setting up, not for data.
    func run(_ sql: String, limitMilliseconds: Int64) throws(DatabaseError) -> ResultHandle? {
        guard PQsendQuery(handle, sql) == 1 else { throw .unavailable(lastError) }
        return try finish(limitMilliseconds: limitMilliseconds)
    }

    /// Runs one prepared statement, waiting; prepares it if need be.
    mutating func run(
        _ sql: StaticString, _ parameters: ParameterBuffer, limitMilliseconds: Int64
    ) throws(DatabaseError) -> Rows {
        try start(sql, parameters, limitMilliseconds: limitMilliseconds)
        guard let result = try finish(limitMilliseconds: limitMilliseconds) else { throw .unavailable("no result") }
        return Rows(result)
    }

    /// Sends one prepared statement; `finish` gets its answer. Waits only if it must be prepared first.
    mutating func start(
        _ sql: StaticString, _ parameters: ParameterBuffer, limitMilliseconds: Int64
    ) throws(DatabaseError) {
        if try startPrepared(sql, parameters) { return }
        let name = freeName
        guard sendPrepare(name, sql, types: parameters.types) else { throw .unavailable(lastError) }
        _ = try finish(limitMilliseconds: limitMilliseconds)
        prepared[StatementKey(sql, parameters.types)] = name
        _ = try startPrepared(sql, parameters)
    }

    /// Sends one prepared statement without waiting. False: nothing was sent, because it is not prepared yet.
    func startPrepared(_ sql: StaticString, _ parameters: ParameterBuffer) throws(DatabaseError) -> Bool {
        guard let name = prepared[StatementKey(sql, parameters.types)] else { return false }
        guard sendExecute(name, parameters), flush() != .broken else { throw .unavailable(lastError) }
        return true
    }

    /// Waits for all results of what was sent; returns the last, throws the first error.
    func finish(limitMilliseconds: Int64) throws(DatabaseError) -> ResultHandle? {
        var answer = PartialAnswer()
        try finish(&answer, limitMilliseconds: limitMilliseconds)
        return try answer.get()
    }

    /// Waits for all results of what was sent, of which some may have been gathered.
    func finish(_ answer: inout PartialAnswer, limitMilliseconds: Int64) throws(DatabaseError) {
        let end = monotonicMilliseconds() + limitMilliseconds
        while !gather(&answer) {
            let flushed = flush()
            guard flushed != .broken else { throw .unavailable(lastError) }
            let events = flushed == .again ? POLLIN | POLLOUT : POLLIN
            let rest = end - monotonicMilliseconds()
            guard rest > 0, poll(descriptor, events: events, milliseconds: rest) != 0 else {
                throw .unavailable("no answer in time")
            }
            guard consume() else { throw .unavailable(lastError) }
        }
    }

    /// Takes what has come of the answer to what was sent, without waiting. True: that was the end of it.
    func gather(_ answer: inout PartialAnswer) -> Bool {
        while true {
            switch nextAnswer() {
            case .wait: return false
            case .end: return true
            case .result(let result):
                answer.failure = answer.failure ?? result.error
                answer.last = result
            }
        }
    }

    /// Calls `body` with a null-terminated array of C strings.
    private static func withCStrings<R>(
        _ strings: [String], _ body: (UnsafePointer<UnsafePointer<CChar>?>) -> R
    ) -> R {
        let copies = strings.map { strdup($0) }
        defer { for copy in copies { free(copy) } }
        return (copies.map { UnsafePointer($0) } + [nil]).withUnsafeBufferPointer { body($0.baseAddress!) }
    }
}

extension String {
    /// libpq's messages end with a line break.
    fileprivate var trimmedLine: String {
        var text = self[...]
        while text.last?.isNewline == true { text.removeLast() }
        return text.replacingLineBreaks()
    }
}

extension Substring {
    fileprivate func replacingLineBreaks() -> String { String(map { $0.isNewline || $0 == "\t" ? " " : $0 }) }
}
