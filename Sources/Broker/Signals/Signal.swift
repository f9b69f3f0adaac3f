import JSON
import Persistence
import Topics

/// What is told at QoS 0 and not kept: that somebody types, has read, is there (protocol.md §2 "Signals").
package struct Signal: Sendable {
    enum Audience: Sendable {
        /// Who may read a stored topic, by its id.
        case readers(Int64)
        case user(Int64)
        /// The user itself and these friends, as far as they are friends when it arrives.
        case friends([Int64])
    }

    /// The topic on which it is delivered.
    var name: [UInt8]
    var payload: [UInt8]
    var from: Int64
    var audience: Audience
    /// The session that gets none: it sent it.
    var publisher: SessionKey?

    /// Subscribers with Retain As Published see that its last value is kept.
    var isRetained: Bool { if case .friends = audience { true } else { false } }

    /// Somebody types in a conversation, or has stopped.
    init(typing state: TypingState, in topic: StoredTopic, from user: Int64, _ key: SessionKey, now: Int64) {
        self.init("typing", topic.address.name, from: user, now: now, topic: topic.address.name) { writer in
            writer.name("state")
            writer.string(state.rawValue)
        }
        name += Array("/typing".utf8)
        audience = .readers(topic.id)
        publisher = key
    }

    /// - Parameter isPrivate: only the reader's own sessions get it.
    init(_ receipt: ReadReceipt, isPrivate: Bool) {
        let topic = receipt.topic.address.name
        self.init("read", topic, from: receipt.userID, now: receipt.readAt, topic: topic) { writer in
            writer.name("seq")
            writer.number(receipt.seq)
        }
        name += Array("/read".utf8)
        audience = isPrivate ? .user(receipt.userID) : .readers(receipt.topic.id)
    }

    init(_ presence: Presence, of user: Int64, to friends: [Int64], now: Int64) {
        self.init("presence", "presence/\(user)", from: user, now: now, topic: nil) { writer in
            writer.name("status")
            writer.string(presence.status.rawValue)
            if let lastSeen = presence.lastSeenAt {
                writer.name("last_seen")
                writer.time(milliseconds: lastSeen)
            }
        }
        audience = .friends(friends)
    }

    /// On the reader's inbox.
    init(_ conversation: UnreadConversation) {
        let inbox = "inbox/\(conversation.userID)"
        self.init(
            "message_notification", inbox, from: conversation.senderID, now: conversation.sentAt, topic: inbox
        ) { writer in
            writer.name("topic")
            writer.string(conversation.topic.address.name)
            writer.name("seq")
            writer.number(conversation.seq)
            writer.name("unread")
            writer.number(conversation.unread)
            writer.name("preview")
            writer.string(conversation.preview)
        }
        audience = .user(conversation.userID)
    }

    private init(
        _ type: StaticString, _ name: String, from user: Int64, now: Int64, topic: String?,
        _ writeBody: (inout JSONWriter) -> Void
    ) {
        var writer = JSONWriter()
        writer.beginObject()
        writer.name("type")
        writer.string(type.description)
        if let topic {
            writer.name("topic")
            writer.string(topic)
        }
        writer.name("from")
        writer.id(user)
        writer.name("sent_at")
        writer.time(milliseconds: now)
        writer.name("body")
        writer.beginObject()
        writeBody(&writer)
        writer.endObject()
        writer.endObject()
        self.name = Array(name.utf8)
        payload = writer.bytes
        from = user
        audience = .user(user)
    }
}

enum TypingState: String {
    case started, stopped
}

/// Whether a user is there, as friends see it.
struct Presence: Sendable, Equatable {
    /// The best of all connections counts.
    enum Status: String, Comparable, Sendable {
        case offline, away, online

        private var rank: Int { self == .online ? 2 : self == .away ? 1 : 0 }
        static func < (left: Status, right: Status) -> Bool { left.rank < right.rank }
    }

    var status: Status
    /// Unix milliseconds; nil: never.
    var lastSeenAt: Int64?
}

/// What clients publish as signals.
enum SignalPayload {
    /// `{}` or `{"state":"started|stopped"}`
    static func typing(_ payload: Span<UInt8>) throws(Refusal) -> TypingState {
        let members = try members(payload, ["state"])
        guard let member = members.first else { return .started }
        guard let text = text(member, payload), let state = TypingState(rawValue: text) else {
            throw .invalidMember("state", "started or stopped")
        }
        return state
    }

    /// `{"seq":42}`
    static func read(_ payload: Span<UInt8>) throws(Refusal) -> Int64 {
        let members = try members(payload, ["seq"])
        guard let member = members.first else { throw .invalidMember("seq", "is missing") }
        guard member.kind == .number, let seq = decodeInteger(payload, member.range), seq >= 0 else {
            throw .invalidMember("seq", "must be a seq")
        }
        return seq
    }

    /// `{"status":"online|away"}`
    static func presence(_ payload: Span<UInt8>) throws(Refusal) -> Presence.Status {
        let members = try members(payload, ["status"])
        guard let member = members.first, let text = text(member, payload),
            let status = Presence.Status(rawValue: text), status != .offline
        else { throw .invalidMember("status", "online or away") }
        return status
    }

    private static func text(_ member: JSONRange, _ payload: Span<UInt8>) -> String? {
        member.kind == .string ? String(decoding: decodeString(payload, member.range), as: UTF8.self) : nil
    }

    private static func members(_ payload: Span<UInt8>, _ known: Set<String>) throws(Refusal) -> [JSONRange] {
        let members: [JSONRange]
        do throws(JSONError) {
            members = try scanObject(payload)
        } catch {
            throw .invalidPayload("not a JSON object: \(error.reason) at byte \(error.offset)")
        }
        if let unknown = members.first(where: { !known.contains($0.name) }) {
            throw .invalidMember(unknown.name, "unknown member")
        }
        return members
    }
}
