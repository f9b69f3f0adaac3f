import Topics

extension HistoryStore {
    /// Entries of a log, as the database's answer holds them: whoever only passes them on makes no values of them.
    package struct Page: Sendable {
        /// The columns of an answer.
        private enum Column {
            static let topicID = 0
            static let lastSeq = 1
            static let firstSeq = 2
            static let readSeq = 3
            /// `seq, id, sender_id, kind, payload`; null where the page is empty.
            static let entry = 4
            static let isAnnotated = 9
        }

        private let rows: Rows
        private let topic: StoredTopic
        private let isDescending: Bool
        /// How many entries there are.
        package let count: Int
        /// There are more in the same direction.
        package let hasMore: Bool
        /// Of the whole topic, as far as it is still there; where nothing is, the first is one above the last: 1 and 0 of a new one.
        package let firstSeq: Int64
        package let lastSeq: Int64
        /// How far the reader has read; what is no longer there counts as read.
        package let readSeq: Int64
        /// The topic has edits or reactions: `HistoryStore.states` may find some for these entries.
        package let isAnnotated: Bool

        /// - Parameter rows: at least one, at most one more than `limit`.
        init(_ rows: Rows, of address: TopicAddress, _ position: Position, limit: Int) {
            self.rows = rows
            topic = StoredTopic(id: rows.int(0, Column.topicID), address: address)
            isDescending = if case .before = position { true } else { false }
            count = rows.isNull(0, Column.entry) ? 0 : min(rows.count, limit)
            hasMore = rows.count > limit
            firstSeq = rows.int(0, Column.firstSeq)
            lastSeq = rows.int(0, Column.lastSeq)
            readSeq = rows.int(0, Column.readSeq)
            isAnnotated = rows.bool(0, Column.isAnnotated)
        }

        /// Ascending.
        package var entries: [LogEntry] { (0..<count).map { LogEntry(rows, row($0), from: Column.entry, of: topic) } }

        /// The `seq` of an entry, counted from 0 in ascending order.
        package func seq(_ index: Int) -> Int64 { rows.int(row(index), Column.entry) }

        /// Appends an entry's envelope (protocol.md §2), the same bytes as `Envelope.write`.
        package func writeEnvelope(_ index: Int, into bytes: inout [UInt8]) {
            Envelope.write(rows, row(index), from: Column.entry, of: topic.address, into: &bytes)
        }

        private func row(_ index: Int) -> Int {
            precondition((0..<count).contains(index), "the page has \(count) entries")
            return isDescending ? count - 1 - index : index
        }
    }
}
