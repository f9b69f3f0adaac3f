import Broker
import CLinux
import Diagnostics
import Glibc
import Identity
import Persistence
import RestBridge
import Synchronization
import Transport

/// The whole hub: made from the command line, run until a signal.
struct Server: Sendable {
    struct Failure: Error, CustomStringConvertible {
        var description: String
    }

    /// How long the ends of sessions may take to be saved at the stop.
    private static let stopMillisecondsMax: Int64 = 10_000
    /// How long the wills of clients that this stop sends away may take to be sent. The next start goes on with the rest.
    private static let willMillisecondsMax: Int64 = 5_000

    /// Blocks of memory from this size on go back to the system when they are freed. glibc would raise the limit with each that it meets, and
    /// the tables of connections would leave holes of megabytes behind as they grow.
    private static let ownMappingBytesMin: Int32 = 256 * 1024

    private let options: Options
    private let logger: Logger

    init(_ options: Options, _ logger: Logger) {
        self.options = options
        self.logger = logger
    }

    func run(until signals: SignalWaiter) async throws {
        mallopt(M_MMAP_THRESHOLD, Self.ownMappingBytesMin)
        try checkAnonymous()
        if options.limits == .off {
            logger.warning("passwords and codes can be guessed, and messages sent, without limit (--limits off)")
        }
        let publicURL = options.issuer
        let outside = try loadIssuers(own: publicURL)
        let swaggerUI = try SwaggerUI.load(options.swaggerUI)
        let doors = try Doors(options)
        try makeDirectory(options.data)
        let tls = try makeTLS()
        let postgres = try startPostgres()
        defer { postgres?.stop() }
        guard let url = options.database ?? postgres?.url else { preconditionFailure("one of the two is there") }
        let ran = try await Migrator(url: url).run()
        if let version = ran.last { logger.info("migrated the database to version \(version)") }
        try await Predecessors(url: url).end()
        let database = Database(url: url, limits: options.databaseLimits)
        try await database.start()
        defer { database.close() }
        let chunks = Database(url: url, limits: AttachmentStore.limits)
        try await chunks.start()
        defer { chunks.close() }

        let authority = try TokenAuthority(directory: options.data, issuer: publicURL)
        let tokens = TokenVerifier(own: authority, outside: outside)
        let mailboxes = try (0..<options.reactors).map { _ in try Mailbox<Worker.Mail>() }
        let mailroom = Mailroom(shardCount: options.reactors) { mailboxes[$1].post(.shard($0)) }
        let ids = IDGenerator(node: 0, now: SystemClock.wallMilliseconds)
        let rights = KnownRights(commits: mailroom, revocations: mailroom)
        let admissions = Admissions(next: rights)
        let context = DomainContext(
            database: database, ids: ids, observer: rights, revocations: admissions, reads: mailroom,
            now: SystemClock.wallMilliseconds)
        let follower = LogFollower(store: FollowStore(context: context), next: mailroom) { [logger] in
            logger.warning("\($0)")
        }
        let log = LogWriter(
            url: url, database: database,
            limits: LogWriter.Limits(publishWaitMilliseconds: options.publishWait.milliseconds), commits: follower,
            outcomes: mailroom
        ) { [logger] in logger.warning("log: \($0)") }
        log.start()
        let wills = WillStore(database)
        try await wills.endConnections(now: SystemClock.wallMilliseconds())
        let outsiders = OutsideUsers(source: SubjectStore(context: context))
        let retained = RetainedStore(database), sessions = SessionStore(database), logs = FilterLogStore(database)
        let hub = Hub(
            services: HubServices(
                log: log, sessions: sessions, filterLogs: logs, wills: wills,
                retained: retained, rights: DirectoryStore(context: context),
                logins: LoginSessionStore(context: context), reads: ReadMarkStore(context: context),
                unread: UnreadStore(context: context), tokens: tokens,
                outsiders: outsiders, ids: ids, logger: logger, wallMilliseconds: SystemClock.wallMilliseconds),
            settings: Hub.Settings(
                allowsAnonymous: options.anonymous,
                hasAnonymousSessions: try await sessions.exist(ofUser: 0),
                hasRetained: try await retained.exist(), publishWait: .milliseconds(options.publishWait.milliseconds),
                filterLogs: try await logs.all(), limits: options.limits),
            mailroom: mailroom)
        let attachments = AttachmentStore(chunks, ids: ids, now: SystemClock.wallMilliseconds)
        let files = AttachmentService(
            store: attachments, bytesMax: options.attachmentBytesMax, quotaBytes: options.attachmentQuotaBytes)
        let box = try SecretBox(directory: options.data)
        let api = RestAPI(
            context: context, admissions: admissions, rights: rights, attachments: files,
            publisher: BrokerPublisher(LogPublisher(log: log, ids: ids)),
            devices: hub, authority: authority, tokens: tokens, outsiders: outsiders, hasher: PasswordHasher(),
            security: options.security(box, hub.allowances), publicURL: publicURL, swaggerUI: swaggerUI, logger: logger)
        let watch = DatabaseWatch(url: url)
        watch.start()
        defer { watch.close() }
        let operations = OperationsAPI(database: watch, log: log, hub: hub)
        let offer = options.webSocketOffer(publicURL)
        var limits = HTTPLimits()
        limits.streamed = [files.streamedBody]
        let running = try startReactors(doors, mailboxes, tls, hub, offer, limits, database.guestLanes) {
            request, listener in
            listener == Worker.Door.ops.rawValue
                ? await operations.respond(to: request)
                : await api.respond(to: request, isSecure: listener == Worker.Door.https.rawValue)
        }
        announce(doors)
        var tasks = Housekeeping(
            database: database, hub: hub, retention: options.retention, attachments: attachments, mailroom: mailroom,
            logger: logger
        ).start()
        tasks += AccountUpkeep(context: context, logger: logger).start()
        tasks.append(Task { await follower.run() })
        if let command = options.mailCommand {
            tasks.append(Postman(MailOutbox(context: context), box, command, logger).start())
        }
        defer { for task in tasks { task.cancel() } }

        await signals.wait {
            reload(tls)
            reload(tokens, own: publicURL)
            admissions.forgetAll()
        }
        logger.info("stopping")
        operations.stop()
        for mailbox in mailboxes { mailbox.post(.shard(.stop)) }
        await hub.willsSent(withinMilliseconds: Self.willMillisecondsMax)
        for mailbox in mailboxes { mailbox.post(.stop) }
        await running.ended()
        await log.close()
        await hub.saved(withinMilliseconds: Self.stopMillisecondsMax)
    }

    // MARK: SIGHUP

    private func reload(_ tls: TLSConfiguration) {
        do throws(TLSError) {
            tls.replace(with: try TLSContext(certificateFile: options.certificateFile, keyFile: options.keyFile))
            logger.info("the certificate was read again")
        } catch {
            logger.error("the certificate stays as it was: \(error)")
        }
    }

    private func reload(_ tokens: TokenVerifier, own: String) {
        guard !options.issuers.isEmpty else { return }
        do throws(IssuerFileError) {
            tokens.replaceOutside(with: try loadIssuers(own: own))
        } catch {
            logger.error("the issuers stay as they were: \(error)")
        }
    }

    /// All of `--issuers`, each with a line in the log.
    private func loadIssuers(own: String) throws(IssuerFileError) -> [OutsideIssuer] {
        let issuers = try IssuerFile.load(options.issuers, own: own)
        for issuer in issuers { logger.info("tokens are accepted of \(issuer)") }
        return issuers
    }

    // MARK: Parts

    private func checkAnonymous() throws(Failure) {
        guard options.anonymous else { return }
        guard options.anonymousIsForced || options.isLoopbackOnly else {
            throw Failure(
                description:
                    "--anonymous opens every plain topic to everybody, so it needs --bind 127.0.0.1 (or --anonymous=force)"
            )
        }
        logger.warning("clients without credentials may use every plain topic (--anonymous)")
    }

    private func makeDirectory(_ path: String) throws(Failure) {
        // Others may pass through: the database's user has its own directory in it.
        guard mkdir(path, 0o711) == 0 || errno == EEXIST else {
            throw Failure(description: "cannot make \(path): \(String(cString: strerror(errno)))")
        }
    }

    private func makeTLS() throws(TLSError) -> TLSConfiguration {
        if options.tlsCertificate == nil {
            try SelfSignedCertificate.make(certificateFile: options.certificateFile, keyFile: options.keyFile)
        }
        return TLSConfiguration(try TLSContext(certificateFile: options.certificateFile, keyFile: options.keyFile))
    }

    private func startPostgres() throws(EmbeddedPostgresError) -> EmbeddedPostgres? {
        guard options.database == nil else { return nil }
        let postgres = EmbeddedPostgres(directory: options.data + "/postgres") { [logger] in
            logger.info("postgres: \($0)")
        }
        try postgres.start()
        return postgres
    }

    private func startReactors(
        _ doors: Doors, _ mailboxes: [Mailbox<Worker.Mail>], _ tls: TLSConfiguration, _ hub: Hub,
        _ offer: WebSocketOffer, _ limits: HTTPLimits, _ lanes: [DatabaseLane],
        respond: @escaping @Sendable (HTTPRequest, UInt8) async -> HTTPResponse
    ) throws -> RunningReactors {
        let running = RunningReactors(count: options.reactors)
        for index in 0..<options.reactors {
            let mailbox = mailboxes[index], listeners = doors.listeners[index], lane = lanes[index], logger = logger
            startThread("reactor-\(index)") {
                let worker = Worker(
                    shard: Shard(index: index, hub: hub),
                    http: HTTPEndpoint(
                        respond: respond, post: { mailbox.post(.http($0)) }, executor: lane.executor, limits: limits,
                        makeRequestID: { hub.makeRequestID() }, wallMilliseconds: SystemClock.wallMilliseconds,
                        webSocket: offer))
                do throws(SystemCallError) {
                    var reactor = try Reactor(
                        handler: worker, listeners: listeners, mailbox: mailbox, guest: DatabaseGuest(lane: lane),
                        tls: tls,
                        logger: logger)
                    reactor.run()
                } catch {
                    logger.error("reactor \(index) cannot start: \(error)")
                    exit(1)
                }
                running.oneEnded()
            }
        }
        return running
    }

    private func announce(_ doors: Doors) {
        StandardStream.output.write("ready \(doors.description(options))\n")
        logger.info("ready \(doors.description(options))")
        if options.hasHints { StandardStream.error.write(Hints.text(options, doors.ports)) }
    }
}

extension Options {
    var certificateFile: String { tlsCertificate ?? data + "/tls-cert.pem" }
    /// `iss` and `aud` of the hub's tokens. Without a port that changes with every start: the tokens outlive it.
    var issuer: String {
        if let publicURL { return publicURL }
        for (scheme, port) in [("https", https), ("http", http)] {
            guard case .number(let number) = port else { continue }
            return number == 0 ? "\(scheme)://localhost" : "\(scheme)://localhost:\(number)"
        }
        return "https://localhost"
    }
    var keyFile: String { tlsKey ?? data + "/tls-key.pem" }

    /// Each reactor has a lane of its own for REST, all together at most 32 connections, or two each.
    var databaseLimits: Database.Limits {
        var limits = Database.Limits()
        limits.guestLanes = reactors
        limits.guestConnections = max(2, min(8, 32 / reactors))
        return limits
    }

    /// MQTT for browsers, beside REST (protocol.md §4).
    func webSocketOffer(_ publicURL: String) -> WebSocketOffer {
        WebSocketOffer(
            path: "/mqtt", subprotocol: "mqtt", origins: origins.union(WebOrigin(ofURL: publicURL).map { [$0] } ?? []),
            listeners: [Worker.Door.https.rawValue: "https", Worker.Door.http.rawValue: "http"])
    }
}

/// Counts the reactors down.
final class RunningReactors: Sendable {
    private struct State {
        var count: Int
        var waiting: CheckedContinuation<Void, Never>?
    }

    private let state: Mutex<State>

    init(count: Int) { state = Mutex(State(count: count)) }

    func oneEnded() {
        let waiting = state.withLock { state in
            state.count -= 1
            return state.count == 0 ? state.waiting : nil
        }
        waiting?.resume()
    }

    func ended() async {
        await withCheckedContinuation { continuation in
            let isOver = state.withLock { state in
                if state.count > 0 { state.waiting = continuation }
                return state.count == 0
            }
            if isOver { continuation.resume() }
        }
    }
}
