import JSON
import Memory
import Persistence

/// The members of an `edit`, a `delete` or a `reaction` (protocol.md §2).
struct AnnotationBody {
    let kind: EntryKind
    private var seq: Int64?
    private var text: [UInt8]?
    private var emoji: [UInt8]?
    private var isAdded: Bool?

    /// - Parameter members: without those that all types have.
    init(_ kind: EntryKind, _ members: [JSONRange], in payload: Span<UInt8>) throws(Refusal) {
        self.kind = kind
        for member in members {
            switch (kind, member.name) {
            case (_, "seq"):
                guard member.kind == .number, let value = decodeInteger(payload, member.range), value > 0 else {
                    throw .invalidMember("seq", "must be a seq")
                }
                seq = value
            case (.edit, "text"): text = try MessageBody.text(member, in: payload)
            case (.reaction, "emoji"): emoji = try Self.emoji(member, in: payload)
            case (.reaction, "op"):
                let value = member.kind == .string ? decodeString(payload, member.range) : []
                guard value == Array("add".utf8) || value == Array("remove".utf8) else {
                    throw .invalidMember("op", "add or remove")
                }
                isAdded = value.count == 3
            default: throw .invalidMember(member.name, "unknown member")
            }
        }
    }

    /// What the hub does with it; the right to delete what others wrote is added by who knows it.
    func annotation() throws(Refusal) -> Annotation {
        guard let seq else { throw .invalidMember("seq", "is missing") }
        switch kind {
        case .edit:
            guard text != nil else { throw .invalidMember("text", "is missing") }
            return Annotation(target: seq, action: .edit)
        case .delete: return Annotation(target: seq, action: .delete(mayBeOthers: false))
        case .reaction:
            guard let emoji else { throw .invalidMember("emoji", "is missing") }
            return Annotation(target: seq, action: .reaction(emoji: emoji, isAdded: isAdded ?? true))
        case .message, .member, .group, .friendRequest, .friendAccepted, .friendRemoved, .groupAdded, .groupRemoved,
            .mention, .plain:
            preconditionFailure("\(kind) is about no other entry")
        }
    }

    /// The body as an object; everything that counts has been read.
    func write(into bytes: inout [UInt8]) {
        var writer = JSONWriter()
        writer.beginObject()
        writer.name("seq")
        writer.number(seq ?? 0)
        if let text {
            writer.name("text")
            writer.raw(text)
        }
        if let emoji {
            writer.name("emoji")
            writer.string(String(decoding: emoji, as: UTF8.self))
            writer.name("op")
            writer.string(isAdded == false ? "remove" : "add")
        }
        writer.endObject()
        bytes.append(contentsOf: writer.bytes)
    }

    /// 1 to 32 bytes; which of them people take for an emoji changes every year.
    private static func emoji(_ member: JSONRange, in payload: Span<UInt8>) throws(Refusal) -> [UInt8] {
        guard member.kind == .string else { throw .invalidMember("emoji", "must be a string") }
        let value = decodeString(payload, member.range)
        guard 1...Limits.emojiBytesMax ~= value.count else { throw .invalidMember("emoji", "1 to 32 bytes") }
        let text = String(decoding: value, as: UTF8.self)
        guard text.unicodeScalars.allSatisfy({ $0.value > 0x20 && $0.value != 0x7F && !$0.properties.isWhitespace })
        else {
            throw .invalidMember("emoji", "holds white space or a control character")
        }
        return value
    }
}
