import Identity
import JSON
import Persistence
import Transport

/// Files.
enum AttachmentRoutes {
    static let path = "/attachments"

    static func upload(_ services: RestServices, _ request: RestRequest) async throws -> HTTPResponse {
        let service = services.attachments
        var query = try QueryReader(request)
        let name = try query.text("name").map(AttachmentName.checked)
        try query.finish()
        let content = try FileContent(request.http)
        try await checkRoom(service, request, content)
        guard service.uploading.enter(request.userID) else {
            throw Problem.tryLater(.overloaded, "Too many uploads at once. Try again.")
        }
        defer { service.uploading.leave(request.userID) }
        let attachment = try await AttachmentUpload(
            service, ownerID: request.userID, name: name, content
        ).run()
        return .json(201, headers: [("Location", "\(path)/\(attachment.id)")]) { attachment.write(to: &$0) }
    }

    // MARK: Repeats

    /// What tells the file of an answer apart from others.
    static func fingerprint(of response: HTTPResponse) -> [UInt8]? {
        guard response.status == 201, let attachment = try? JSONValue(parsing: response.body),
            let digest = attachment["sha256"]?.string
        else { return nil }
        return fingerprint(name: attachment["name"]?.string ?? "", digest: digest)
    }

    /// The same of a file that arrives; it is read to its end, and nothing of it is kept.
    static func fingerprint(reading request: RestRequest) async throws -> [UInt8] {
        var query = try QueryReader(request)
        let name = query.text("name")
        try query.finish()
        let content = try FileContent(request.http)
        let digest = StreamingDigest()
        while let piece = try await content.next() { digest.update(piece) }
        return fingerprint(name: name ?? content.name ?? "", digest: Attachment.hexadecimal(digest.finish()))
    }

    private static func fingerprint(name: String, digest: String) -> [UInt8] {
        Secrets.sha256(Array("\(digest) \(name)".utf8))
    }

    /// Before anything is read: what will be refused anyway, the client need not send.
    private static func checkRoom(
        _ service: AttachmentService, _ request: RestRequest, _ content: FileContent
    ) async throws {
        let bytes = content.length ?? 0
        guard bytes <= service.bytesMax else { throw Problem.attachmentTooLarge(service.bytesMax) }
        let usage = try await service.store.usage(of: request.userID)
        guard usage + bytes <= service.quotaBytes, usage < service.quotaBytes else {
            throw Problem.quotaExceeded(service.quotaBytes)
        }
    }

    static func download(_ services: RestServices, _ request: RestRequest) async throws -> HTTPResponse {
        let attachment = try await services.attachments.store.attachment(try request.id("id"), for: request.userID)
        guard let attachment else { throw Problem.notFound }
        let tag = "\"\(attachment.digest)\""
        let caching = [("ETag", tag), ("Cache-Control", "private, no-cache")]
        if request.http.hasAlready(tag) { return HTTPResponse(status: 304, headers: caching) }
        let headers =
            caching + [
                ("Content-Type", attachment.mediaType), ("Accept-Ranges", "bytes"),
                (
                    "Content-Disposition",
                    ContentDisposition.value(mediaType: attachment.mediaType, name: attachment.name)
                ),
            ]
        switch RangeDecision(request.http, size: attachment.size, tag: tag) {
        case .whole:
            return try await answer(200, headers, attachment, 0..<attachment.size, services.attachments, request)
        case .part(let range):
            let place = ("Content-Range", "bytes \(range.lowerBound)-\(range.upperBound - 1)/\(attachment.size)")
            return try await answer(206, headers + [place], attachment, range, services.attachments, request)
        case .unsatisfiable:
            throw Problem(
                .rangeNotSatisfiable, "It has \(attachment.size) bytes.",
                headers: [("Content-Range", "bytes */\(attachment.size)")])
        }
    }

    private static func answer(
        _ status: Int, _ headers: [(name: String, value: String)], _ attachment: Attachment, _ range: Range<Int64>,
        _ service: AttachmentService, _ request: RestRequest
    ) async throws -> HTTPResponse {
        // What is no larger than a piece is answered at once, as everything else is.
        guard range.count > AttachmentDownload.pieceBytes else {
            let body = try await read(range, of: attachment.id, service)
            return HTTPResponse(status: status, headers: headers, body: body)
        }
        guard service.downloading.enter(request.userID) else {
            throw Problem.tryLater(.overloaded, "Too many downloads at once. Try again.")
        }
        let source = AttachmentDownload(service, userID: request.userID, id: attachment.id, range)
        return HTTPResponse(status: status, headers: headers, source: source)
    }

    /// A range may lie in two chunks.
    private static func read(
        _ range: Range<Int64>, of id: Int64, _ service: AttachmentService
    ) async throws -> [UInt8] {
        var bytes: [UInt8] = []
        while bytes.count < range.count {
            let more = try await service.store.read(
                id, from: range.lowerBound + Int64(bytes.count), limit: range.count - bytes.count)
            guard !more.isEmpty else { throw Problem.notFound }
            bytes += more
        }
        return bytes
    }
}
