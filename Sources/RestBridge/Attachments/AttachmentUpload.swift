import Identity
import Media
import Persistence

/// Stores one file while it arrives: a chunk in memory, never more. Used by one task.
final class AttachmentUpload {
    private let service: AttachmentService
    private let ownerID: Int64
    private let content: FileContent
    /// Nil: the form tells.
    private let name: String?
    private let digest = StreamingDigest()
    private var chunk: [UInt8] = []
    private var bytes: Int64 = 0
    private var chunks = 0
    /// Nil as long as nothing is stored.
    private var id: Int64?

    init(_ service: AttachmentService, ownerID: Int64, name: String?, _ content: FileContent) {
        self.service = service
        self.ownerID = ownerID
        self.name = name
        self.content = content
    }

    /// Returns when all is stored. Whatever is thrown (a `Problem`, `HTTPRequestStream.Aborted`, a `DatabaseError`), nothing stays.
    func run() async throws -> Attachment {
        do {
            while let piece = try await content.next() { try await take(piece) }
            // An empty file has no chunk, and a row all the same.
            if !chunk.isEmpty || id == nil { try await storeChunk() }
            guard let id, let attachment = try await service.store.complete(id, sha256: digest.finish()) else {
                throw Problem.uploadLost
            }
            return attachment
        } catch {
            // What cannot be removed now, as the database is away, is found by the housekeeping.
            if let id { try? await service.store.abandon(id) }
            throw error
        }
    }

    private func take(_ piece: [UInt8]) async throws {
        bytes += Int64(piece.count)
        guard bytes <= service.bytesMax else { throw Problem.attachmentTooLarge(service.bytesMax) }
        digest.update(piece)
        var rest = piece[...]
        while !rest.isEmpty {
            if chunk.isEmpty { chunk.reserveCapacity(AttachmentStore.chunkBytes) }
            let part = rest.prefix(AttachmentStore.chunkBytes - chunk.count)
            chunk += part
            rest = rest.dropFirst(part.count)
            if chunk.count == AttachmentStore.chunkBytes { try await storeChunk() }
        }
    }

    private func storeChunk() async throws {
        let id: Int64
        if let known = self.id { id = known } else { id = try await begin() }
        guard !chunk.isEmpty else { return }
        try check(await service.store.append(chunk, number: chunks, to: id, quota: service.quotaBytes))
        chunks += 1
        chunk = []
    }

    private func check(_ outcome: AttachmentStore.UploadOutcome) throws(Problem) {
        switch outcome {
        case .done: break
        case .quotaExceeded: throw Problem.quotaExceeded(service.quotaBytes)
        case .gone: throw Problem.uploadLost
        }
    }

    /// The first chunk tells what it is.
    private func begin() async throws -> Int64 {
        let name = try AttachmentName.checked(self.name ?? content.name ?? "")
        guard let mediaType = MediaType.decide(declared: content.mediaType, chunk.span) else {
            throw Problem(.unsupportedMediaType, "The file is no \(content.mediaType ?? "such file").")
        }
        var size: ImageSize?
        if let type = FileType(sniffing: chunk.span) { size = ImageSize(type, chunk.span) }
        let id = try await service.store.begin(
            ownerID: ownerID, name: name, mediaType: mediaType, width: size?.width, height: size?.height)
        self.id = id
        // What is one chunk takes its room at once anyway.
        if let length = content.length, length > Int64(chunk.count) {
            try check(await service.store.reserve(length, for: id, quota: service.quotaBytes))
        }
        return id
    }
}

/// What a file may be called: no path, and nothing that shows it as another than it is.
enum AttachmentName {
    private static let charactersMax = 255
    /// They turn the direction of what follows: `photo\u{202E}gpj.exe`.
    private static let turns: Set<UInt32> = Set(0x202A...0x202E).union(0x2066...0x2069)

    /// - Parameter name: empty: it has none.
    static func checked(_ name: String) throws(Problem) -> String {
        guard name.unicodeScalars.count <= charactersMax else {
            throw Problem(field: "name", "must have at most \(charactersMax) characters")
        }
        let isClean = name.unicodeScalars.allSatisfy { scalar in
            scalar.value >= 0x20 && !(0x7F...0x9F ~= scalar.value) && !turns.contains(scalar.value)
        }
        guard isClean else { throw Problem(field: "name", "holds a control character") }
        guard !name.contains("/"), !name.contains("\\") else { throw Problem(field: "name", "must be no path") }
        return name
    }
}

extension Problem {
    static func attachmentTooLarge(_ bytesMax: Int64) -> Problem {
        Problem(.tooLarge, "An attachment has at most \(bytesMax) bytes.")
    }

    static func quotaExceeded(_ bytes: Int64) -> Problem {
        Problem(.quotaExceeded, "All attachments of a user together have at most \(bytes) bytes.")
    }

    /// It took so long that it was given up.
    fileprivate static var uploadLost: Problem { .tryLater(.unavailable, "The upload was given up. Try again.") }
}
