import Memory

/// A session's place in one topic's log.
package struct Cursor: Sendable, Equatable {
    package var topicID: Int64
    /// All entries up to this one are done with.
    package var acked: Int64

    package init(topicID: Int64, acked: Int64) {
        self.topicID = topicID
        self.acked = acked
    }
}

/// The packed form of a session's cursors, `mqtt_sessions.cursors`: ascending by topic, for each the distance from the topic before and
/// the acknowledged seq.
package enum CursorCodec {
    /// - Parameter cursors: one for each topic, in any order; ids and seqs are not negative.
    package static func encode(_ cursors: [Cursor]) -> [UInt8] {
        var bytes: [UInt8] = []
        var last: Int64 = 0
        for cursor in cursors.sorted(by: { $0.topicID < $1.topicID }) {
            precondition(cursor.topicID > last && cursor.acked >= 0, "topics are positive and distinct")
            bytes.append(packed: cursor.topicID - last)
            bytes.append(packed: cursor.acked)
            last = cursor.topicID
        }
        return bytes
    }

    /// Nil if the bytes are none of ours.
    package static func decode(_ bytes: [UInt8]) -> [Cursor]? {
        var cursors: [Cursor] = []
        var reader = PackedReader(bytes)
        var last: Int64 = 0
        while !reader.isAtEnd {
            guard let distance = reader.next(), distance > 0, let acked = reader.next() else { return nil }
            let (topic, overflows) = last.addingReportingOverflow(distance)
            guard !overflows else { return nil }
            cursors.append(Cursor(topicID: topic, acked: acked))
            last = topic
        }
        return cursors
    }
}
