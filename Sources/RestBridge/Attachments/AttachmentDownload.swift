import Persistence
import Synchronization
import Transport

/// Bytes of an attachment on their way to a client, read as it takes them.
final class AttachmentDownload: HTTPBodySource {
    /// The attachment was deleted meanwhile.
    struct Gone: Error {}

    /// What is read at once.
    static let pieceBytes = 64 * 1024

    let length: Int
    private let service: AttachmentService
    private let userID: Int64
    private let id: Int64
    private let end: Int64
    /// Of the next piece; one is asked for after the other.
    private let offset: Atomic<Int64>

    /// - Precondition: the user has entered `service.downloading`.
    init(_ service: AttachmentService, userID: Int64, id: Int64, _ range: Range<Int64>) {
        self.service = service
        self.userID = userID
        self.id = id
        length = range.count
        offset = Atomic(range.lowerBound)
        end = range.upperBound
    }

    deinit { service.downloading.leave(userID) }

    func next() async throws -> [UInt8] {
        let start = offset.load(ordering: .relaxed)
        let bytes = try await service.store.read(id, from: start, limit: Int(min(Int64(Self.pieceBytes), end - start)))
        guard !bytes.isEmpty else { throw Gone() }
        offset.store(start + Int64(bytes.count), ordering: .relaxed)
        return bytes
    }
}
