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
/// the acknowledged seq, both as variable-length integers of 7 bits a byte, lowest first.
package enum CursorCodec {
    /// - Parameter cursors: one for each topic, in any order; ids and seqs are not negative.
    package static func encode(_ cursors: [Cursor]) -> [UInt8] {
        var bytes: [UInt8] = []
        var last: Int64 = 0
        for cursor in cursors.sorted(by: { $0.topicID < $1.topicID }) {
            precondition(cursor.topicID > last && cursor.acked >= 0, "topics are positive and distinct")
            append(UInt64(cursor.topicID - last), to: &bytes)
            append(UInt64(cursor.acked), to: &bytes)
            last = cursor.topicID
        }
        return bytes
    }

    /// Nil if the bytes are none of ours.
    package static func decode(_ bytes: [UInt8]) -> [Cursor]? {
        var cursors: [Cursor] = []
        var index = 0
        var last: Int64 = 0
        while index < bytes.count {
            guard let distance = integer(bytes, &index), distance > 0, let acked = integer(bytes, &index) else {
                return nil
            }
            let (topic, overflows) = last.addingReportingOverflow(distance)
            guard !overflows else { return nil }
            cursors.append(Cursor(topicID: topic, acked: acked))
            last = topic
        }
        return cursors
    }

    private static func append(_ value: UInt64, to bytes: inout [UInt8]) {
        var rest = value
        while rest >= 0x80 {
            bytes.append(UInt8(rest & 0x7F) | 0x80)
            rest >>= 7
        }
        bytes.append(UInt8(rest))
    }

    /// At most 63 bits, so at most nine bytes.
    private static func integer(_ bytes: [UInt8], _ index: inout Int) -> Int64? {
        var value: Int64 = 0
        for shift in stride(from: 0, to: 63, by: 7) {
            guard index < bytes.count else { return nil }
            let byte = bytes[index]
            index += 1
            value |= Int64(byte & 0x7F) << Int64(shift)
            if byte < 0x80 { return value }
        }
        return nil
    }
}
