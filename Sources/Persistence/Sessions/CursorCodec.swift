import Memory

/// A session's place in one topic's log.
package struct Cursor: Sendable, Equatable {
    package var topicID: Int64
    /// All entries up to this one are done with.
    package var acked: Int64
    /// In a group's log, the entry that made the user a member: of an earlier membership nothing goes on. Elsewhere 0.
    package var since: Int64

    package init(topicID: Int64, acked: Int64, since: Int64 = 0) {
        self.topicID = topicID
        self.acked = acked
        self.since = since
    }
}

/// The packed form of a session's cursors, `mqtt_sessions.cursors`: ascending by topic, for each the distance from the topic before,
/// the acknowledged seq, and since when.
package enum CursorCodec {
    /// - Parameter cursors: one for each topic, in any order; ids and seqs are not negative.
    package static func encode(_ cursors: [Cursor]) -> [UInt8] {
        var bytes: [UInt8] = []
        var last: Int64 = 0
        for cursor in cursors.sorted(by: { $0.topicID < $1.topicID }) {
            precondition(
                cursor.topicID > last && cursor.acked >= 0 && cursor.since >= 0, "topics are positive and distinct")
            bytes.append(packed: cursor.topicID - last)
            bytes.append(packed: cursor.acked)
            bytes.append(packed: cursor.since)
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
            guard let distance = reader.next(), distance > 0, let acked = reader.next(), let since = reader.next()
            else { return nil }
            let (topic, overflows) = last.addingReportingOverflow(distance)
            guard !overflows else { return nil }
            cursors.append(Cursor(topicID: topic, acked: acked, since: since))
            last = topic
        }
        return cursors
    }
}
