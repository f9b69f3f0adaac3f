import MQTT
import Memory
import Topics

/// The user property `after` of a SUBSCRIBE: where its cursors are to begin (protocol.md §1 "Cursors").
struct ReplayRequest {
    /// For the filters without wildcards; nil: none was given.
    private(set) var bare: Int64?
    private(set) var byTopic: [TopicAddress: Int64] = [:]

    var isEmpty: Bool { bare == nil && byTopic.isEmpty }

    /// nil: malformed.
    init?(_ properties: [UserProperty]) {
        let name = Array("after".utf8)
        for property in properties where property.name == name {
            guard let equals = property.value.lastIndex(of: UInt8(ascii: "=")) else {
                guard let seq = Self.seq(property.value[...]) else { return nil }
                bare = seq
                continue
            }
            let topic = Array(property.value[..<equals])
            guard let address = TopicAddress(parsing: topic.span), let seq = Self.seq(property.value[(equals + 1)...])
            else {
                return nil
            }
            byTopic[address] = seq
        }
    }

    /// The entry after which the cursor in this topic begins; nil: it is not moved.
    func start(of address: TopicAddress, isNamedByFilter: Bool) -> Int64? {
        byTopic[address] ?? (isNamedByFilter ? bare : nil)
    }

    /// Canonical decimal, 0 included.
    private static func seq(_ text: ArraySlice<UInt8>) -> Int64? {
        guard let value = Int64(String(decoding: text, as: UTF8.self)), value >= 0 else { return nil }
        var canonical: [UInt8] = []
        canonical.append(decimal: value)
        return text.elementsEqual(canonical) ? value : nil
    }
}
