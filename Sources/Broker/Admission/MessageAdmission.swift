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
    /// What it names; whether its sender may is asked when it is stored.
    private let attachments: [Int64]

    /// - Parameters:
    ///   - isText: the content type is `text/plain`: whatever the payload looks like, it is text.
    ///   - clientRef: from outside of the payload; must equal the payload's, if that has one.
    package init(payload: Span<UInt8>, isText: Bool, clientRef outer: [UInt8]?) throws(Refusal) {
        var body = MessageBody()
        var inner: [UInt8]?
        if isText || !Self.looksLikeObject(payload) {
            try body.setText(plain: payload)
        } else {
            inner = try body.readObject(payload)
        }
        guard body.hasContent else { throw .invalidMember("text", "a message needs text or attachments") }
        if let outer, let inner, outer != inner {
            throw .invalidMember("client_ref", "the payload and the property differ")
        }
        let reference = inner ?? outer
        if let reference { try Self.checkReference(reference.span) }
        kind = .message
        clientRef = reference
        replyTo = body.replyTo
        attachments = body.attachments
        suffix = Self.makeSuffix(reference, body)
    }

    package func append(to topic: StoredTopic, id: Int64, senderID: Int64) -> Append {
        var append = Append(
            topic: topic, id: id, senderID: senderID, kind: kind, key: key(entryID: id), suffix: suffix)
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

    private static func makeSuffix(_ reference: [UInt8]?, _ body: MessageBody) -> [UInt8] {
        var suffix: [UInt8] = []
        suffix.reserveCapacity(body.byteCount + 96)
        if let reference {
            suffix.append(ascii: ",\"client_ref\":\"")
            for byte in reference {
                if byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") { suffix.append(UInt8(ascii: "\\")) }
                suffix.append(byte)
            }
            suffix.append(UInt8(ascii: "\""))
        }
        suffix.append(ascii: ",\"body\":")
        body.write(into: &suffix)
        suffix.append(UInt8(ascii: "}"))
        return suffix
    }
}
