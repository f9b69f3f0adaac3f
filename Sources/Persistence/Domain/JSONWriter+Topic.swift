import JSON
import Memory
import Topics

extension JSONWriter {
    /// The name of a topic, which has nothing to escape.
    package mutating func topic(_ address: TopicAddress) {
        raw { bytes in
            bytes.append(UInt8(ascii: "\""))
            address.appendName(to: &bytes)
            bytes.append(UInt8(ascii: "\""))
        }
    }
}
