import Persistence
import Transport

/// Attachments as routes use them: the store, and what may be at most.
package struct AttachmentService: Sendable {
    /// What a multipart body may have beside the file.
    private static let multipartBytes = 64 * 1024
    /// An upload holds a chunk, and what comes while that is stored: about 400 KB each.
    private static let uploads = TransferGate.Limits(total: 64, perUser: 8)
    /// A download holds a piece and what is left of the one before: about 100 KB each.
    private static let downloads = TransferGate.Limits(total: 512, perUser: 32)

    let store: AttachmentStore
    /// Of one attachment.
    let bytesMax: Int64
    /// Of all attachments of a user.
    let quotaBytes: Int64
    let uploading = TransferGate(uploads)
    let downloading = TransferGate(downloads)

    package init(store: AttachmentStore, bytesMax: Int64, quotaBytes: Int64) {
        precondition(bytesMax > 0 && quotaBytes > 0)
        self.store = store
        self.bytesMax = bytesMax
        self.quotaBytes = quotaBytes
    }

    /// The requests whose bodies the service wants piece by piece.
    package var streamedBody: StreamedBody {
        StreamedBody(
            method: "POST", path: AttachmentRoutes.path, bodyBytesMax: Int(bytesMax) + Self.multipartBytes)
    }
}
