import JSON
import Persistence
import Topics

/// One page of `GET /account/export`: a JSON object a line, each with its `kind`.
struct ExportPage {
    /// A page ends with the list that brings it to so many bytes.
    private static let bytesWanted = 1 << 20
    /// Items read at once.
    private static let limit = 100
    /// Reads of one page: of a user with many empty conversations a page has few bytes, and must end all the same.
    private static let readsMax = 200

    private let services: RestServices
    private let userID: Int64
    private let currentSession: Int64?
    private(set) var bytes: [UInt8] = []
    /// The URL of the next page.
    private(set) var next: String?

    init(_ services: RestServices, userID: Int64, currentSession: Int64?) {
        self.services = services
        self.userID = userID
        self.currentSession = currentSession
    }

    mutating func fill(from start: ExportCursor) async throws {
        var cursor: ExportCursor? = start
        var reads = 0
        while let from = cursor, bytes.count < Self.bytesWanted, reads < Self.readsMax {
            cursor = try await read(from)
            reads += 1
        }
        guard let cursor else { return }
        let url = "/account/export?cursor=\(cursor.text)"
        next = url
        line("next") { writer in
            writer.name("next")
            writer.string(url)
        }
    }

    /// - Returns: from where it goes on; nil: that was all.
    private mutating func read(_ cursor: ExportCursor) async throws -> ExportCursor? {
        switch cursor {
        case .start:
            try await addAccount()
            return .friends(after: 0)
        case .friends(let id):
            let friends = try await services.friends.friends(of: userID, after: id, limit: Self.limit)
            add(friends, "friend")
            return friends.count < Self.limit ? .blocks(after: 0) : .friends(after: friends[Self.limit - 1].user.id)
        case .blocks(let id):
            let blocked = try await services.friends.blocked(by: userID, after: id, limit: Self.limit)
            add(blocked, "block")
            return blocked.count < Self.limit ? .groups(after: 0) : .blocks(after: blocked[Self.limit - 1].user.id)
        case .groups(let id):
            let groups = try await services.groups.groups(of: userID, after: id, limit: Self.limit)
            for group in groups {
                line("group") {
                    $0.name("group"); group.write(to: &$0)
                }
            }
            return groups.count < Self.limit ? .entries(after: .start) : .groups(after: groups[Self.limit - 1].id)
        case .entries(let position):
            let (entries, next) = try await services.export.entries(of: userID, after: position, limit: Self.limit)
            for entry in entries { add(entry) }
            return next.map { .entries(after: $0) }
        }
    }

    private mutating func addAccount() async throws {
        guard let profile = try await services.users.profile(userID) else { throw Problem.notFound }
        let standing = try await services.accounts.standing(of: userID)
        line("profile") { writer in
            writer.name("profile")
            profile.write(to: &writer, standing)
        }
        let sessions = try await services.sessions.sessions(of: userID, below: .max, limit: Self.limit)
        for session in sessions {
            let isCurrent = session.id == currentSession
            line("session") { writer in
                writer.name("session")
                session.write(to: &writer, isCurrent: isCurrent)
            }
        }
        let viewer = userID
        for bot in try await services.bots.bots(of: userID, after: 0, limit: Self.limit) {
            line("bot") { writer in
                writer.name("bot")
                bot.write(to: &writer, seenBy: viewer)
            }
        }
        let (incoming, outgoing) = try await services.friends.requests(of: userID)
        add(incoming, "incoming_request")
        add(outgoing, "outgoing_request")
    }

    private mutating func add(_ users: [DatedUser], _ kind: String) {
        let viewer = userID
        for user in users {
            line(kind) { writer in
                writer.name("user")
                user.user.write(to: &writer, seenBy: viewer)
                writer.name("since")
                writer.time(milliseconds: user.since)
            }
        }
    }

    private mutating func add(_ entry: LogEntry) {
        line("entry") { writer in
            var envelope: [UInt8] = []
            Envelope.write(entry, into: &envelope)
            writer.name("entry")
            writer.raw(envelope)
        }
    }

    private mutating func line(_ kind: String, writeMembers: (inout JSONWriter) -> Void) {
        var writer = JSONWriter()
        writer.beginObject()
        writer.name("kind")
        writer.string(kind)
        writeMembers(&writer)
        writer.endObject()
        bytes += writer.bytes
        bytes.append(UInt8(ascii: "\n"))
    }
}
