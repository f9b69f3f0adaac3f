import JSON
import Topics

/// A user as others see it.
package struct User: Sendable, Equatable {
    package var id: Int64
    package var username: String
    package var displayName: String
    package var bio: String
    package var avatar: Int64?
    /// Whose bot it is; nil: a person's account.
    package var ownerID: Int64?

    package init(
        id: Int64, username: String, displayName: String, bio: String = "", avatar: Int64? = nil, ownerID: Int64? = nil
    ) {
        self.id = id
        self.username = username
        self.displayName = displayName
        self.bio = bio
        self.avatar = avatar
        self.ownerID = ownerID
    }

    static let columnCount = 6

    /// Reads `id, username, display_name, bio, avatar, owner_id` from `column` on.
    init(_ rows: Rows, _ row: Int, from column: Int = 0) {
        id = rows.int(row, column)
        username = rows.text(row, column + 1)
        displayName = rows.text(row, column + 2)
        bio = rows.text(row, column + 3)
        avatar = rows.isNull(row, column + 4) ? nil : rows.int(row, column + 4)
        ownerID = rows.isNull(row, column + 5) ? nil : rows.int(row, column + 5)
    }

    /// Writes the object `User` (rest.md); a viewer other than the user itself also learns the name of their conversation.
    package func write(to writer: inout JSONWriter, seenBy viewer: Int64) {
        writer.beginObject()
        writeMembers(to: &writer)
        if viewer != id {
            writer.name("direct_topic")
            writer.topic(.direct(between: viewer, and: id))
        }
        writer.endObject()
    }

    func writeMembers(to writer: inout JSONWriter) {
        writer.name("id")
        writer.id(id)
        writer.name("username")
        writer.string(username)
        writer.name("display_name")
        writer.string(displayName)
        if !bio.isEmpty {
            writer.name("bio")
            writer.string(bio)
        }
        if let avatar {
            writer.name("avatar")
            writer.id(avatar)
        }
        if let ownerID {
            writer.name("bot")
            writer.bool(true)
            writer.name("owner_id")
            writer.id(ownerID)
        }
        writer.name("created_at")
        writer.time(milliseconds: IDGenerator.milliseconds(of: id))
    }
}

/// A user as it sees itself.
package struct Profile: Sendable, Equatable {
    package var user: User
    /// nil: an outside issuer brought the user, or the account is deleted.
    package var email: String?
    package var emailVerified: Bool
    /// Counts changes of the profile; the ETag.
    package var version: Int64

    /// Reads a `User` from column 0, `email, email_verified, version` behind it.
    init(_ rows: Rows, _ row: Int) {
        user = User(rows, row)
        let column = User.columnCount
        email = rows.isNull(row, column) ? nil : rows.text(row, column)
        emailVerified = rows.bool(row, column + 1)
        version = rows.int(row, column + 2)
    }

    /// Writes the own `User` (rest.md).
    package func write(to writer: inout JSONWriter, _ standing: AccountStore.Standing) {
        writer.beginObject()
        user.writeMembers(to: &writer)
        if let email {
            writer.name("email")
            writer.string(email)
        }
        writer.name("email_verified")
        writer.bool(emailVerified)
        writer.name("mfa_enabled")
        writer.bool(standing.hasSecondFactor)
        writer.name("recovery_codes_left")
        writer.number(standing.recoveryCodesLeft)
        writer.endObject()
    }
}
