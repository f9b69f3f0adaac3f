import Broker
import Diagnostics
import Glibc
import Identity
import JSON
import Synchronization
import Testing
import Topics
import Transport

@testable import Persistence
@testable import RestBridge

/// The API on a database of its own, without sockets. All tests of the process share one; each signs up its own users.
final class TestHub: Sendable {
    private static let starting = Task { try await TestHub() }
    static var shared: TestHub { get async throws { try await starting.value } }

    let api: RestAPI
    let context: DomainContext
    let attachments: AttachmentService
    let publisher: FakePublisher
    let devices = FakeDevices()
    let authority: TokenAuthority
    let revoked = Revoked()
    let box: SecretBox
    /// The same on the same database, with limits and without mail.
    let limitedAPI: RestAPI
    /// Its users'.
    let allowances = PublishAllowances(RateLimits.builtIn[.publishes])
    var monotonicMilliseconds: Int64 { SystemClock.monotonicMilliseconds() }
    /// Of `correct horse`.
    private let passwordHash: String
    private let count = Atomic<Int>(0)

    final class Revoked: RevocationObserver {
        private let sessions = Mutex<[Int64]>([])
        var all: [Int64] { sessions.withLock { $0 } }
        func sessionRevoked(_ sessionID: Int64) { sessions.withLock { $0.append(sessionID) } }
        private let users = Mutex<[Int64]>([])
        var endedUsers: [Int64] { users.withLock { $0 } }
        func userEnded(_ userID: Int64) { users.withLock { $0.append(userID) } }
    }

    struct Deaf: CommitObserver, ReadObserver {
        func committed(_ entries: [LogEntry]) {}
        func hasRead(_ receipt: ReadReceipt) {}
    }

    private init() async throws {
        let directory = try TemporaryDirectory()
        let cluster = EmbeddedPostgres(directory: "\(directory.path)/postgres", settings: [("fsync", "off")]) { _ in }
        try cluster.start()
        atExit.withLock { $0 = (cluster, directory) }
        atexit {
            atExit.withLock { state in
                state?.0.stop()
                state?.1.remove()
            }
        }
        _ = try await Migrator(url: cluster.url).run()
        let database = Database(url: cluster.url)
        try await database.start()
        let now = SystemClock.wallMilliseconds
        let rights = KnownRights(commits: Deaf(), revocations: revoked)
        let admissions = Admissions(next: rights)
        context = DomainContext(
            database: database, ids: IDGenerator(node: 1, now: now), observer: rights, revocations: admissions,
            reads: Deaf(), now: now)
        // Small ones, so that a test reaches them.
        attachments = AttachmentService(
            store: AttachmentStore(database, ids: context.ids, now: now), bytesMax: 600_000, quotaBytes: 1_000_000)
        publisher = FakePublisher(context: context)
        authority = try TokenAuthority(directory: directory.path, issuer: "https://hub.example")
        let hasher = PasswordHasher(costExponent: 8, threads: 2)
        passwordHash = try await hasher.hash("correct horse")
        box = try SecretBox(directory: directory.path)
        let tokens = TokenVerifier(
            own: authority,
            outside: try IssuerFile.load([try Self.issuerFile(in: directory)], own: "https://hub.example"))
        let outsiders = OutsideUsers(source: SubjectStore(context: context))
        var security = AccountSecurity(
            box: box, mailer: Mailer(box: box, sender: "hub@hub.example", hubName: "hub.example"), limits: .off,
            allowances: PublishAllowances(nil),
            proxies: TrustedProxies([AddressRange("10.0.0.0/8")!, AddressRange("2001:db8::/32")!]),
            origins: [WebOrigin("https://app.example")!], hubName: "hub.example")
        api = RestAPI(
            context: context, admissions: admissions, rights: rights, attachments: attachments, publisher: publisher,
            devices: devices,
            authority: authority,
            tokens: tokens, outsiders: outsiders, hasher: hasher, security: security, publicURL: "https://hub.example",
            logger: Logger(minimum: .error))
        security.limits = .builtIn
        security.allowances = allowances
        security.mailer = nil
        limitedAPI = RestAPI(
            context: context, admissions: admissions, rights: rights, attachments: attachments, publisher: publisher,
            devices: devices,
            authority: authority,
            tokens: tokens, outsiders: outsiders, hasher: hasher, security: security, publicURL: "https://hub.example",
            logger: Logger(minimum: .error))
    }

    static let issuerSecret = "a secret of no less than 256 bits"

    private static func issuerFile(in directory: TemporaryDirectory) throws -> String {
        let path = "\(directory.path)/issuers.json"
        let file = try #require(fopen(path, "w"))
        defer { fclose(file) }
        fputs(
            #"""
            [{"iss":"https://app.example","aud":"hub","secret":"\#(issuerSecret)","create":true},
             {"iss":"https://other.example","aud":"hub","secret":"\#(issuerSecret)"}]
            """#, file)
        return path
    }

    func call(
        _ method: String, _ target: String, _ body: String? = nil, token: String? = nil,
        headers: [(name: String, value: String)] = [], from address: String = "127.0.0.1", isLimited: Bool = false,
        isSecure: Bool = true
    ) async -> Answer {
        await call(
            method, target, bytes: Array((body ?? "").utf8), token: token, headers: headers,
            from: address, isLimited: isLimited, isSecure: isSecure)
    }

    /// - Parameter stream: in place of `bytes`.
    func call(
        _ method: String, _ target: String, bytes: [UInt8], stream: HTTPRequestStream? = nil, token: String? = nil,
        headers: [(name: String, value: String)] = [], from address: String = "127.0.0.1", isLimited: Bool = false,
        isSecure: Bool = true
    ) async -> Answer {
        let parts = target.split(separator: "?", maxSplits: 1)
        var request = HTTPRequest(
            method: method, path: String(parts[0]), query: parts.count == 2 ? String(parts[1]) : "", headers: headers,
            body: bytes)
        request.stream = stream
        if let token { request.headers.append(("authorization", "Bearer \(token)")) }
        request.peerAddress = address
        var response = await (isLimited ? limitedAPI : api).respond(to: request, isSecure: isSecure)
        // As the endpoint does while the client takes it.
        if let source = response.source.take() {
            while response.body.count < source.length {
                guard let piece = try? await source.next() else {
                    Issue.record("the body breaks off")
                    break
                }
                response.body += piece
            }
        }
        return Answer(response)
    }

    /// A new user, logged in; past the route, so that passwords are not hashed again and again.
    func person(_ prefix: String = "user") async throws -> Person {
        let name = "\(prefix)\(count.add(1, ordering: .relaxed).newValue)"
        let refreshToken = Secrets.refreshToken()
        let outcome = try await UserStore(context: context).signUp(
            UserStore.NewAccount(
                username: name, email: "\(name)@example.org", passwordHash: passwordHash, displayName: name),
            session: NewLoginSession(
                client: "", address: "", refreshHash: Secrets.digest(ofRefreshToken: refreshToken)))
        guard case .created(let profile, let grant) = outcome else { preconditionFailure("\(outcome)") }
        let token = authority.mint(
            userID: grant.userID, sessionID: grant.sessionID, scopes: .user, now: context.now() / 1000)
        return Person(hub: self, name: name, id: "\(profile.user.id)", token: token, refreshToken: refreshToken)
    }

    func people(_ count: Int) async throws -> [Person] {
        var people: [Person] = []
        for _ in 0..<count { people.append(try await person()) }
        return people
    }

    func friends() async throws -> (Person, Person) {
        let people = try await people(2)
        try await people[0].befriend(people[1])
        return (people[0], people[1])
    }
}

struct Person: Sendable {
    let hub: TestHub
    let name: String
    let id: String
    let token: String
    let refreshToken: String

    func call(
        _ method: String, _ target: String, _ body: String? = nil, headers: [(name: String, value: String)] = []
    ) async -> Answer {
        await hub.call(method, target, body, token: token, headers: headers)
    }

    func befriend(_ other: Person) async throws {
        #expect(await call("POST", "/friends/add", #"{"user_id":"\#(other.id)"}"#).status == 201)
        #expect(await other.call("POST", "/friends/accept", #"{"user_id":"\#(id)"}"#).status == 200)
    }

    /// Makes a group with these friends; returns its id.
    func group(_ members: Person..., announcement: Bool = false) async throws -> String {
        let ids = members.map { "\"\($0.id)\"" }.joined(separator: ",")
        let answer = await call(
            "POST", "/groups", #"{"name":"group","members":[\#(ids)],"announcement":\#(announcement)}"#)
        #expect(answer.status == 201)
        return try #require(answer["id"]?.string)
    }

    /// The conversation with another user: `direct/1/2`.
    func topic(with other: Person) throws -> String {
        let ids = [try #require(Int64(id)), try #require(Int64(other.id))]
        return TopicAddress.direct(between: ids[0], and: ids[1]).name
    }
}

struct Answer {
    let response: HTTPResponse
    let json: JSONValue?

    init(_ response: HTTPResponse) {
        self.response = response
        json = try? JSONValue(parsing: response.body)
    }

    var status: Int { response.status }
    var text: String { String(decoding: response.body, as: UTF8.self) }
    /// The problem's name.
    var problem: String? { json?["type"]?.string.map { String($0.dropFirst("/problems/".count)) } }
    var fields: [String] { json?["errors"]?.array?.compactMap { $0["field"]?.string } ?? [] }
    var items: [JSONValue] { json?["items"]?.array ?? [] }

    func header(_ name: String) -> String? { response.headers.first { $0.name == name }?.value }
    subscript(_ path: String...) -> JSONValue? { path.reduce(json) { $0?[$1] } }
}

/// What is connected, as tests want it.
final class FakeDevices: DeviceSource {
    private let live = Mutex<[Int64: [LiveDevice]]>([:])

    func set(_ devices: [LiveDevice], of user: String) { live.withLock { $0[Int64(user)!] = devices } }
    func liveDevices(of user: Int64) async -> [LiveDevice] { live.withLock { $0[user] ?? [] } }

    func forgetDevice(_ clientID: [UInt8], of user: Int64) async throws(DatabaseError) -> Bool {
        live.withLock { live in
            let before = live[user] ?? []
            live[user] = before.filter { $0.clientID != clientID }
            return live[user] != before
        }
    }
}

/// Stores what it is given; texts beginning with `!` are refused.
final class FakePublisher: MessagePublisher {
    struct Call: Sendable, Equatable {
        var payload: String
        var clientRefFallback: String?
    }

    private let context: DomainContext
    private let calls = Mutex<[Int64: [Call]]>([:])

    init(context: DomainContext) { self.context = context }

    func calls(of sender: String) -> [Call] { calls.withLock { $0[Int64(sender)!] ?? [] } }

    func publish(
        senderID: Int64, topic: StoredTopic, payload: [UInt8], clientRefFallback: String?, mayDeleteOthers: Bool
    ) async -> PublishResult {
        let call = Call(payload: String(decoding: payload, as: UTF8.self), clientRefFallback: clientRefFallback)
        calls.withLock { $0[senderID, default: []].append(call) }
        let body = try? JSONValue(parsing: payload)
        switch body?["text"]?.string {
        case "!refuse":
            return .refused(problemName: "client-ref-reused", detail: "Other content.", field: nil, status: 409)
        case "!invalid":
            return .refused(
                problemName: "invalid-message", detail: "No.", field: ("text", "is not to my liking"), status: 422)
        case "!overload": return .overloaded
        case "!unavailable": return .unavailable
        default: break
        }
        let context = context
        let id = context.ids.next()
        let append = Append(
            topic: topic, id: id, senderID: senderID, kind: .message, key: IdempotencyKey(entryID: id),
            suffix: Array(",\"body\":".utf8) + payload + Array("}".utf8))
        let entry = try? await context.change { transaction in
            Change(result: try await transaction.append([append])[0])
        }
        return entry.map { .stored($0, repeated: body?["client_ref"]?.string == "again") } ?? .unavailable
    }
}

private let atExit = Mutex<(EmbeddedPostgres, TemporaryDirectory)?>(nil)

/// A directory that the server's user can reach.
struct TemporaryDirectory: Sendable {
    let path: String

    init() throws {
        let template = strdup("/tmp/confab-test-XXXXXX")!
        defer { free(template) }
        guard mkdtemp(template) != nil else { throw EmbeddedPostgresError.failed("mkdtemp: \(errno)") }
        path = String(cString: template)
        chmod(path, 0o755)
    }

    func remove() { _ = try? ChildProcess.run(["/bin/rm", "-rf", path], as: nil) }
}
