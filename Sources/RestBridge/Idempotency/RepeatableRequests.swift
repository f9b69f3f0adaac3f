import Diagnostics
import Identity
import Persistence
import Transport

/// Answers requests that carry an `Idempotency-Key` once, and their repeats with the same answer (rest.md). What a crash between the two
/// leaves behind stands in `RequestKeyStore`.
struct RepeatableRequests: Sendable {
    let store: RequestKeyStore
    let logger: Logger

    /// - Parameter perform: does what the request asks for, in whatever way that ends.
    func answer(
        _ request: RestRequest, key: String, _ repetition: RequestRepetition, perform: () async -> HTTPResponse
    ) async throws -> HTTPResponse {
        let operation = "\(request.http.method) \(request.http.path)\0\(key)"
        let requestKey = RequestKey(userID: request.userID, digest: Secrets.sha256(Array(operation.utf8)))
        let sent = repetition == .body ? Self.fingerprint(ofBody: request.http) : nil
        switch try await store.claim(requestKey, sent) {
        case .claimed(let claim):
            return await carryOut(claim, sent, perform)
        case .inProgress(let first, let lease):
            if let first, let sent, first != sent { throw Problem.idempotencyKeyReused }
            throw Problem(
                .requestInProgress, "A request with this key is being worked on.",
                headers: [("Retry-After", "\(min(lease, Self.patienceMilliseconds) / 1_000 + 1)")])
        case .decided(let first):
            if let first, let sent, first != sent { throw Problem.idempotencyKeyReused }
            throw Problem(
                .answerLost, "It was decided, and the hub failed before it kept the answer. Look what is there.")
        case .answered(let answer, let first):
            let again: [UInt8]
            if let sent { again = sent } else { again = try await AttachmentRoutes.fingerprint(reading: request) }
            guard again == first else { throw Problem.idempotencyKeyReused }
            return HTTPResponse(repeating: answer)
        }
    }

    /// A request takes milliseconds, as a rule; a lease that a crash has left is not worth asking for each second.
    private static let patienceMilliseconds: Int64 = 4_000

    private func carryOut(
        _ claim: RequestClaim, _ sent: [UInt8]?, _ perform: () async -> HTTPResponse
    ) async -> HTTPResponse {
        let renewal = Task { [store] in
            while (try? await Task.sleep(for: .milliseconds(RequestKeyStore.leaseMilliseconds / 3))) != nil {
                // A database that is away has no lease to run out.
                try? await store.renew(claim)
            }
        }
        let response = await RequestClaim.$current.withValue(claim) { await perform() }
        renewal.cancel()
        do throws(DatabaseError) {
            if let fingerprint = Self.fingerprint(sent, response) {
                try await store.keep(KeptAnswer(response), fingerprint: fingerprint, of: claim)
            } else {
                try await store.giveUp(claim)
            }
        } catch {
            logger.warning("the answer to a request with an Idempotency-Key could not be kept: \(error)")
        }
        return response
    }

    /// Of a request whose answer is to be kept; nil: it may be made again.
    private static func fingerprint(_ sent: [UInt8]?, _ response: HTTPResponse) -> [UInt8]? {
        guard response.status < 500, response.status != 429 else { return nil }
        return sent ?? AttachmentRoutes.fingerprint(of: response)
    }

    private static func fingerprint(ofBody request: HTTPRequest) -> [UInt8] {
        Secrets.sha256(Array("\(request.query)\0".utf8) + request.body)
    }
}

extension KeptAnswer {
    init(_ response: HTTPResponse) {
        self.init(
            status: response.status,
            headers: response.headers.map { "\($0.name): \($0.value)" }.joined(separator: "\n"),
            body: response.body)
    }
}

extension HTTPResponse {
    /// Tells that this answer was given before.
    static let replayedHeader = "Idempotency-Replayed"

    var isRepeated: Bool { headers.contains { $0.name == Self.replayedHeader } }

    init(repeating answer: KeptAnswer) {
        var headers: [(name: String, value: String)] = []
        for line in answer.headers.split(separator: "\n") {
            let name = line.prefix { $0 != ":" }
            headers.append((String(name), String(line.dropFirst(name.count + 2))))
        }
        headers.append((Self.replayedHeader, "true"))
        self.init(status: answer.status, headers: headers, body: answer.body)
    }
}

extension Problem {
    fileprivate static var idempotencyKeyReused: Problem {
        Problem(.idempotencyKeyReused, "This key stands for a request with another body. Use a new one.")
    }
}
