import Identity
import Synchronization
import Transport

/// A file that is the same for everybody until the hub is started again.
struct StaticFile: Sendable {
    let contentType: String
    let bytes: [UInt8]
    /// A strong entity tag (RFC 9110 §8.8.3).
    let tag: String
    /// Of a page: what it may load and run.
    var policy: String?

    init(_ contentType: String, _ bytes: [UInt8], policy: String? = nil) {
        self.contentType = contentType
        self.bytes = bytes
        self.policy = policy
        tag = "\"" + Base64URL.encode(Array(Secrets.sha256(bytes).prefix(12))) + "\""
    }

    init(_ contentType: String, _ text: String, policy: String? = nil) {
        self.init(contentType, Array(text.utf8), policy: policy)
    }

    func answer(_ request: HTTPRequest) -> HTTPResponse {
        let caching = [("ETag", tag), ("Cache-Control", "public, max-age=300")]
        if request.hasAlready(tag) { return HTTPResponse(status: 304, headers: caching) }
        var headers = caching + [("Content-Type", contentType)]
        if let policy { headers.append(("Content-Security-Policy", policy)) }
        // Nobody needs a token for it: of what is not read, connections hold a piece each, not the whole.
        guard bytes.count > StaticFileBody.pieceBytes else {
            return HTTPResponse(status: 200, headers: headers, body: bytes)
        }
        return HTTPResponse(status: 200, headers: headers, source: StaticFileBody(bytes))
    }
}

/// The bytes of a file on their way to a client.
private final class StaticFileBody: HTTPBodySource {
    static let pieceBytes = 64 * 1024

    private let bytes: [UInt8]
    /// Of the next piece; one is asked for after the other.
    private let offset = Atomic(0)

    init(_ bytes: [UInt8]) { self.bytes = bytes }

    var length: Int { bytes.count }

    func next() async throws -> [UInt8] {
        let start = offset.load(ordering: .relaxed)
        precondition(start < bytes.count, "there is no piece behind the last")
        let end = min(bytes.count, start + Self.pieceBytes)
        offset.store(end, ordering: .relaxed)
        return Array(bytes[start..<end])
    }
}
