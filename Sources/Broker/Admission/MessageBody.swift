import JSON
import Memory

/// The members of a `message`'s body, each as the JSON that will stand in the envelope.
struct MessageBody {
    private var text: [UInt8]?
    private var attachmentList: [UInt8]?
    private var mentions: [UInt8]?
    private var custom: [UInt8]?
    private(set) var replyTo: Int64?
    private(set) var attachments: [Int64] = []

    var hasContent: Bool { text != nil || !attachments.isEmpty }

    /// A payload that is no object is the text itself: appends the body with it.
    static func write(text: Span<UInt8>, into bytes: inout [UInt8]) throws(Refusal) {
        guard !text.isEmpty else { throw .invalidPayload("the payload is empty") }
        guard text.count <= Limits.textBytesMax else { throw tooLong }
        guard !text.contains(0) else { throw .invalidMember("text", "holds U+0000") }
        do { _ = try UTF8Span(validating: text) } catch { throw .invalidMember("text", "not UTF-8") }
        bytes.append(ascii: "{\"text\":")
        appendJSONString(utf8: text, to: &bytes)
        bytes.append(UInt8(ascii: "}"))
    }

    /// - Parameter members: of the object that a publisher sent, without those that all types have.
    mutating func read(_ members: [JSONRange], in payload: Span<UInt8>) throws(Refusal) {
        for member in members { try readMember(member, payload) }
    }

    /// A text as the JSON that stands for it.
    static func text(_ member: JSONRange, in payload: Span<UInt8>) throws(Refusal) -> [UInt8] {
        guard member.kind == .string else { throw .invalidMember("text", "must be a string") }
        let length = decodeString(payload, member.range).count
        guard length > 0 else { throw .invalidMember("text", "is empty") }
        guard length <= Limits.textBytesMax else { throw tooLong }
        return [UInt8](span: payload.extracting(member.range))
    }

    private mutating func readMember(_ member: JSONRange, _ payload: Span<UInt8>) throws(Refusal) {
        let value = [UInt8](span: payload.extracting(member.range))
        switch member.name {
        case "text":
            text = try Self.text(member, in: payload)
        case "reply_to":
            guard member.kind == .number, let seq = decodeInteger(payload, member.range), seq > 0 else {
                throw .invalidMember("reply_to", "must be a seq")
            }
            replyTo = seq
        case "attachments":
            attachments = try Self.ids(value, "attachments", max: Limits.attachmentsMax)
            if !attachments.isEmpty { attachmentList = value }
        case "mentions":
            if try !Self.ids(value, "mentions", max: Limits.mentionsMax).isEmpty { mentions = value }
        case "custom":
            guard member.kind == .object else { throw .invalidMember("custom", "must be an object") }
            guard value.count <= Limits.customBytesMax else { throw .invalidMember("custom", "at most 4 KiB") }
            custom = value
        default:
            throw .invalidMember(member.name, "unknown member")
        }
    }

    /// The body as an object, its members in the order of protocol.md §2.
    func write(into bytes: inout [UInt8]) {
        precondition(hasContent, "a message needs text or attachments")
        var separator = UInt8(ascii: "{")
        func append(_ name: StaticString, _ value: [UInt8]?) {
            guard let value else { return }
            bytes.append(separator)
            bytes.append(ascii: name)
            bytes.append(contentsOf: value)
            separator = UInt8(ascii: ",")
        }
        append("\"text\":", text)
        append("\"reply_to\":", replyTo.map { Array(String($0).utf8) })
        append("\"attachments\":", attachmentList)
        append("\"mentions\":", mentions)
        append("\"custom\":", custom)
        bytes.append(UInt8(ascii: "}"))
    }

    private static let tooLong = Refusal.invalidMember("text", "at most 16,384 bytes")

    /// Reads an array of ids: canonical decimal strings without repetitions.
    private static func ids(_ value: [UInt8], _ name: String, max: Int) throws(Refusal) -> [Int64] {
        guard case .array(let elements)? = try? JSONValue(parsing: value) else {
            throw .invalidMember(name, "must be an array of ids")
        }
        guard elements.count <= max else { throw .invalidMember(name, "at most \(max)") }
        var ids: [Int64] = []
        for element in elements {
            guard case .string(let text) = element, let id = Int64(text), id > 0, String(id) == text else {
                throw .invalidMember(name, "must be an array of ids")
            }
            guard !ids.contains(id) else { throw .invalidMember(name, "\(text) stands twice") }
            ids.append(id)
        }
        return ids
    }
}
