/// What becomes of the attachment that a profile or a group shows.
package enum AttachmentChange: Sendable, Equatable {
    case keep
    case remove
    case set(Int64)

    /// - Parameter old: what is shown now.
    func applied(to old: Int64?) -> Int64? {
        switch self {
        case .keep: old
        case .remove: nil
        case .set(let id): id
        }
    }
}

extension Transaction {
    /// To be asked before the name is stored: whether the user may load the attachment. If so it stays until the transaction ends, and
    /// from then on because it is named.
    func nameAttachment(_ id: Int64, for userID: Int64) async throws(DatabaseError) -> Bool {
        try await query("SELECT confab_name_attachment($1, $2)", [.int(userID), .int(id)]).bool(0, 0)
    }

    /// To be told after the name is gone.
    func unnameAttachment(_ id: Int64, now: Int64) async throws(DatabaseError) {
        _ = try await query("SELECT confab_unname_attachment($1, $2)", [.int(id), .int(now)])
    }
}
