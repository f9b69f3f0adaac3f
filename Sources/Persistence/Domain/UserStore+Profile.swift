extension UserStore {
    /// Members that are nil stay as they are.
    package struct ProfileChange: Sendable {
        package var displayName: String?
        package var bio: String?
        package var avatar = AttachmentChange.keep

        package init(displayName: String? = nil, bio: String? = nil, avatar: AttachmentChange = .keep) {
            self.displayName = displayName
            self.bio = bio
            self.avatar = avatar
        }
    }

    package enum ProfileOutcome: Sendable, Equatable {
        case done(Profile)
        /// The present version is none of those that were asked for.
        case stale
        /// The avatar is no attachment that the user may load.
        case attachmentMissing
    }

    /// - Parameter versions: what `If-Match` allows; nil: any.
    package func updateProfile(
        _ userID: Int64, _ change: ProfileChange, ifVersionIn versions: [Int64]?
    ) async throws(DatabaseError) -> ProfileOutcome {
        let now = context.now()
        return try await context.change { transaction in
            let rows = try await transaction.query(
                "SELECT avatar FROM users WHERE id = $1 AND ($2::bigint[] IS NULL OR version = ANY ($2)) FOR NO KEY UPDATE",
                [.int(userID), versions.map { .ints($0) } ?? .null])
            guard rows.count == 1 else { return Change(result: .stale) }
            let old = rows.isNull(0, 0) ? nil : rows.int(0, 0)
            let avatar = change.avatar.applied(to: old)
            if let avatar, avatar != old, try await !transaction.nameAttachment(avatar, for: userID) {
                return Change(result: .attachmentMissing)
            }
            let updated = try await transaction.query(
                """
                UPDATE users SET display_name = coalesce($2, display_name), bio = coalesce($3, bio), avatar = $4::bigint,
                    version = version + CASE WHEN coalesce($2, display_name) = display_name
                        AND coalesce($3, bio) = bio AND $4::bigint IS NOT DISTINCT FROM avatar THEN 0 ELSE 1 END
                WHERE id = $1
                RETURNING id, username, display_name, bio, avatar, owner_id, email, email_verified, version
                """,
                [
                    .int(userID), change.displayName.map { .text($0) } ?? .null, change.bio.map { .text($0) } ?? .null,
                    avatar.map { .int($0) } ?? .null,
                ])
            if let old, avatar != old { try await transaction.unnameAttachment(old, now: now) }
            return Change(result: .done(Profile(updated, 0)))
        }
    }
}
