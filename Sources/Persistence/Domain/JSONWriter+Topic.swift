import JSON
import Memory
import Topics

extension JSONWriter {
    /// The name of a topic, which has nothing to escape.
    package mutating func topic(_ address: TopicAddress) {
        raw { bytes in
            bytes.append(addingCapacity: TopicAddress.nameBytesMax + 2) { output in
                output.append(UInt8(ascii: "\""))
                address.appendName(to: &output)
                output.append(UInt8(ascii: "\""))
            }
        }
    }
}
