import Memory

/// The stored topics: those whose entries are a gapless log in PostgreSQL (protocol.md §1).
///
/// Ids are positive and below 2^63. In `direct`, `low < high`.
package enum TopicAddress: Hashable, Sendable {
    case inbox(user: Int64)
    case direct(low: Int64, high: Int64)
    case group(Int64)
    /// No topic of clients: the log of a filter of plain topics, named by its id.
    case filterLog(Int64)

    /// Nil for every other topic, other spellings of an id among them.
    package init?(parsing topic: Span<UInt8>) {
        guard case .stored(let address) = classify(topic) else { return nil }
        self = address
    }

    /// What a name takes at most.
    package static let nameBytesMax = 8 + 2 * decimalBytesMax

    package func appendName(to bytes: inout [UInt8]) {
        bytes.append(addingCapacity: Self.nameBytesMax) { appendName(to: &$0) }
    }

    /// Appends the topic's name; the log of a filter has none.
    package func appendName(to output: inout OutputSpan<UInt8>) {
        switch self {
        case .inbox(let user):
            output.append(ascii: "inbox/")
            output.append(decimal: user)
        case .direct(let low, let high):
            output.append(ascii: "direct/")
            output.append(decimal: low)
            output.append(UInt8(ascii: "/"))
            output.append(decimal: high)
        case .group(let id):
            output.append(ascii: "group/")
            output.append(decimal: id)
        case .filterLog: break
        }
    }

    package var name: String {
        switch self {
        case .inbox(let user): "inbox/\(user)"
        case .direct(let low, let high): "direct/\(low)/\(high)"
        case .group(let id): "group/\(id)"
        case .filterLog(let id): "log \(id)"
        }
    }
}
