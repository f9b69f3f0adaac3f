import JSON
import Memory
import Persistence

/// What a publisher's payload becomes: its kind and the end of its envelope (protocol.md §2). MQTT and REST both come through here, so that
/// what is accepted, and in which form it is stored, cannot differ between doors.
package struct MessageAdmission: Sendable, Equatable {
    package private(set) var kind: EntryKind
    package private(set) var suffix: [UInt8]
    package private(set) var clientRef: [UInt8]?
    /// The seq that must exist already.
    package private(set) var replyTo: Int64?
    /// Of an edit, a deletion or a reaction.
    private let annotation: Annotation?
    /// What it names; whether its sender may is asked when it is stored.
    private let attachments: [Int64]

    /// - Parameters:
    ///   - isText: the content type is `text/plain`: whatever the payload looks like, it is text.
    ///   - clientRef: from outside of the payload; must equal the payload's, if that has one.
    package init(payload: Span<UInt8>, isText: Bool, clientRef outer: [UInt8]?) throws(Refusal) {
        let object = isText || !Self.looksLikeObject(payload) ? nil : try PublishedObject(payload)
        if let outer, let inner = object?.clientRef, outer != inner {
            throw .invalidMember("client_ref", "the payload and the property differ")
        }
        kind = object?.kind ?? .message
        clientRef = object?.clientRef ?? outer
        if let clientRef { try Self.checkReference(clientRef.span) }
        suffix = Self.beginSuffix(clientRef, bodyBytes: payload.count)
        if let object, kind != .message {
            let body = try AnnotationBody(kind, object.members, in: payload)
            annotation = try body.annotation()
            attachments = []
            body.write(into: &suffix)
        } else if let object {
            var body = MessageBody()
            try body.read(object.members, in: payload)
            guard body.hasContent else { throw .invalidMember("text", "a message needs text or attachments") }
            annotation = nil
            attachments = body.attachments
            replyTo = body.replyTo
            body.write(into: &suffix)
        } else {
            annotation = nil
            attachments = []
            try MessageBody.write(text: payload, into: &suffix)
        }
        suffix.append(UInt8(ascii: "}"))
    }

    package func append(
        to topic: StoredTopic, id: Int64, senderID: Int64, mayDeleteOthers: Bool
    ) -> Append {
        var annotation = annotation
        if case .delete? = annotation?.action { annotation?.action = .delete(mayBeOthers: mayDeleteOthers) }
        var append = Append(
            topic: topic, id: id, senderID: senderID, kind: kind, key: key(entryID: id), suffix: suffix,
            annotation: annotation)
        append.attachments = attachments
        return append
    }

    /// Whether a content type is `text/plain`, whatever its case and parameters (RFC 9110 §8.3.1).
    static func isPlainText(_ contentType: [UInt8]) -> Bool {
        let type = contentType.prefix { $0 != UInt8(ascii: ";") && $0 != UInt8(ascii: " ") }
        return String(decoding: type, as: UTF8.self).lowercased() == "text/plain"
    }

    /// The key under which repetitions of this message are found.
    func key(entryID: Int64) -> IdempotencyKey {
        clientRef.map { IdempotencyKey(clientRef: $0) } ?? IdempotencyKey(entryID: entryID)
    }

    private static func looksLikeObject(_ payload: Span<UInt8>) -> Bool {
        for index in payload.indices {
            switch payload[index] {
            case 0x20, 0x09, 0x0A, 0x0D: continue
            case let byte: return byte == UInt8(ascii: "{")
            }
        }
        return false
    }

    /// 1 to 64 visible ASCII characters.
    private static func checkReference(_ reference: Span<UInt8>) throws(Refusal) {
        guard 1...Limits.clientRefBytesMax ~= reference.count else {
            throw .invalidMember("client_ref", "1 to 64 characters")
        }
        for index in reference.indices where !(0x21...0x7E ~= reference[index]) {
            throw .invalidMember("client_ref", "visible ASCII characters only")
        }
    }

    private static func beginSuffix(_ reference: [UInt8]?, bodyBytes: Int) -> [UInt8] {
        var suffix: [UInt8] = []
        suffix.reserveCapacity(min(bodyBytes, Limits.textBytesMax) + 128)
        if let reference {
            suffix.append(ascii: ",\"client_ref\":\"")
            for byte in reference {
                if byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") { suffix.append(UInt8(ascii: "\\")) }
                suffix.append(byte)
            }
            suffix.append(UInt8(ascii: "\""))
        }
        suffix.append(ascii: ",\"body\":")
        return suffix
    }
}

/// The object that a publisher sent, with what all types have taken out.
private struct PublishedObject {
    var kind = EntryKind.message
    var clientRef: [UInt8]?
    var members: [JSONRange]

    init(_ payload: Span<UInt8>) throws(Refusal) {
        do throws(JSONError) {
            members = try scanObject(payload)
        } catch {
            throw .invalidPayload("not a JSON object: \(error.reason) at byte \(error.offset)")
        }
        if let member = take("type") {
            let name = member.kind == .string ? decodeString(payload, member.range) : []
            guard let kind = Self.kinds.first(where: { $0.name.description.utf8.elementsEqual(name) }) else {
                throw .invalidMember("type", "message, edit, delete or reaction")
            }
            self.kind = kind
        }
        if let member = take("client_ref") {
            guard member.kind == .string else { throw .invalidMember("client_ref", "must be a string") }
            clientRef = decodeString(payload, member.range)
        }
    }

    /// What clients may send.
    private static let kinds: [EntryKind] = [.message, .edit, .delete, .reaction]

    private mutating func take(_ name: String) -> JSONRange? {
        members.firstIndex { $0.name == name }.map { members.remove(at: $0) }
    }
}
