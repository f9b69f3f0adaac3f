import JSON

/// A group as one of its members sees it.
package struct Group: Sendable, Equatable {
    package var id: Int64
    package var name: String
    package var picture: Int64?
    package var announcement: Bool
    package var ownerID: Int64
    package var memberCount: Int64
    /// Counts changes of name, picture and announcement: the ETag.
    package var version: Int64
    package var myRole: GroupRole

    /// Reads `id, name, picture, announcement, owner_id, member_count, version, role` from `column` on.
    init(_ rows: Rows, _ row: Int, from column: Int = 0) {
        id = rows.int(row, column)
        name = rows.text(row, column + 1)
        picture = rows.isNull(row, column + 2) ? nil : rows.int(row, column + 2)
        announcement = rows.bool(row, column + 3)
        ownerID = rows.int(row, column + 4)
        memberCount = rows.int(row, column + 5)
        version = rows.int(row, column + 6)
        myRole = GroupRole(stored: rows.int(row, column + 7))
    }

    init(id: Int64, name: String, announcement: Bool, ownerID: Int64, memberCount: Int64) {
        self.id = id
        self.name = name
        picture = nil
        self.announcement = announcement
        self.ownerID = ownerID
        self.memberCount = memberCount
        version = 1
        myRole = .owner
    }

    /// Writes the object `Group` (rest.md).
    package func write(to writer: inout JSONWriter) {
        writer.beginObject()
        writer.name("id")
        writer.id(id)
        writer.name("topic")
        writer.topic(.group(id))
        writer.name("name")
        writer.string(name)
        if let picture {
            writer.name("picture")
            writer.id(picture)
        }
        writer.name("owner_id")
        writer.id(ownerID)
        writer.name("my_role")
        writer.string(myRole.name)
        writer.name("member_count")
        writer.number(memberCount)
        writer.name("announcement")
        writer.bool(announcement)
        writer.name("created_at")
        writer.time(milliseconds: IDGenerator.milliseconds(of: id))
        writer.endObject()
    }
}

/// A member of a group.
package struct Member: Sendable, Equatable {
    package var user: User
    package var role: GroupRole
    /// Unix milliseconds.
    package var joinedAt: Int64

    /// Reads a `User` from column 0, `role, joined_at` behind it.
    init(_ rows: Rows, _ row: Int) {
        user = User(rows, row)
        role = GroupRole(stored: rows.int(row, User.columnCount))
        joinedAt = rows.int(row, User.columnCount + 1)
    }
}

extension GroupRole {
    init(stored: Int64) {
        guard let role = GroupRole(rawValue: Int16(stored)) else { preconditionFailure("an unknown role is stored") }
        self = role
    }

    /// As clients read and write it.
    package var name: String {
        switch self {
        case .member: "member"
        case .admin: "admin"
        case .owner: "owner"
        }
    }

    package init?(name: String) {
        switch name {
        case "member": self = .member
        case "admin": self = .admin
        case "owner": self = .owner
        default: return nil
        }
    }
}
