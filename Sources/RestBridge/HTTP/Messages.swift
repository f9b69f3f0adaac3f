import JSON
import Persistence
import Transport

// An entry as REST shows it: its envelope, the same bytes as over MQTT, and for messages what became of them.

extension LogEntry {
    /// - Parameter state: nil or empty: it is as it was sent.
    func json(_ state: MessageState? = nil) -> [UInt8] {
        var bytes: [UInt8] = []
        write(state, into: &bytes)
        return bytes
    }

    func write(_ state: MessageState?, into bytes: inout [UInt8]) {
        Envelope.write(self, into: &bytes)
        guard let state, !state.isEmpty else { return }
        bytes.removeLast()
        bytes += ",\"state\":".utf8
        bytes += state.json
        bytes.append(UInt8(ascii: "}"))
    }
}

extension HTTPResponse {
    init(_ entry: LogEntry, _ state: MessageState? = nil, status: Int = 200) {
        self.init(status: status, headers: [("Content-Type", "application/json")], body: entry.json(state))
    }
}

extension MessageState {
    fileprivate var json: [UInt8] {
        var writer = JSONWriter()
        writer.beginObject()
        if let edit {
            writer.name("edited_seq")
            writer.number(edit.seq)
            if let text = Self.text(inSuffix: edit.suffix) {
                writer.name("text")
                writer.raw(text)
            }
        }
        if !reactions.isEmpty {
            writer.name("reactions")
            writer.beginArray()
            for reaction in reactions {
                writer.beginObject()
                writer.name("emoji")
                writer.string(String(decoding: reaction.emoji, as: UTF8.self))
                writer.name("count")
                writer.number(reaction.count)
                writer.name("me")
                writer.bool(reaction.isMine)
                writer.endObject()
            }
            writer.endArray()
        }
        writer.endObject()
        return writer.bytes
    }

    /// The JSON string in `,"body":{…,"text":"…"}}`.
    private static func text(inSuffix suffix: [UInt8]) -> [UInt8]? {
        let object = [UInt8(ascii: "{")] + suffix.dropFirst()
        guard let body = (try? scanObject(object.span))?.first(where: { $0.name == "body" }) else { return nil }
        let bytes = Array(object[body.range])
        let text = (try? scanObject(bytes.span))?.first { $0.name == "text" }
        return text.map { Array(bytes[$0.range]) }
    }
}
