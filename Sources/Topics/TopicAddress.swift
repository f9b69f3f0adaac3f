/// The stored topics: those whose entries are a gapless log in PostgreSQL (protocol.md §1).
///
/// Ids are positive and below 2^63. In `direct`, `low < high`.
package enum TopicAddress: Hashable, Sendable {
    case inbox(user: Int64)
    case direct(low: Int64, high: Int64)
    case group(Int64)
}
