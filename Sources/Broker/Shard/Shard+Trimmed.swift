import JSON
import MQTT
import Memory
import Persistence
import Topics
import Transport

// Logs that have lost their beginning to retention while somebody still wanted to read it.
extension Shard {
    mutating func noteTrimmed(_ topicID: Int64, _ firstSeq: Int64) {
        if let topic = topicIndex[topicID] {
            topics[Int(topic)].firstSeq = max(topics[Int(topic)].firstSeq, firstSeq)
        } else {
            recentFirsts.note(topicID, firstSeq)
        }
    }

    /// What is no longer in the log can't be waited for: the cursor goes on at the next entry that is. Who reads a conversation is told first,
    /// in the place of the last entry that is gone: only the acknowledgement of that takes the cursor past the gap, and until then it is told
    /// again after each reconnect, under the identifier that it had.
    mutating func skipTrimmed(before next: Int64, at cursor: Int32, of session: Int32, io: inout Connections) {
        let place = Int(session), state = sessions[place].cursors[Int(cursor)]
        guard next > state.sent + 1 else { return }
        // Nothing but the notice itself can be sent again.
        if state.isFilterLog || sessions[place].inFlight.hasRestored(cursor: cursor, upTo: next - 2) {
            sessions[place].cursors[Int(cursor)].inFlightCount -=
                sessions[place].inFlight.abandon(cursor: cursor, upTo: next - 1)
        }
        guard !state.isFilterLog else { return passOver(next - 1, .none, at: cursor, of: session) }
        let notice = EncodedEntry(
            trimmed: topics[Int(state.topic)].name, after: state.sent, firstSeq: next,
            now: hub.services.wallMilliseconds())
        frames.reset()
        send(notice, at: cursor, to: session, io: &io)
    }
}

extension Shard.EncodedEntry {
    /// `{"type":"history_trimmed","topic":…,"sent_at":…,"body":{"after":…,"first_seq":…}}`: entries between the two are gone.
    /// - Parameter now: Unix milliseconds.
    init(trimmed topic: [UInt8], after: Int64, firstSeq: Int64, now: Int64) {
        var writer = JSONWriter()
        writer.beginObject()
        writer.name("type")
        writer.string("history_trimmed")
        writer.name("topic")
        writer.string(String(decoding: topic, as: UTF8.self))
        writer.name("sent_at")
        writer.time(milliseconds: now)
        writer.name("body")
        writer.beginObject()
        writer.name("after")
        writer.number(after)
        writer.name("first_seq")
        writer.number(firstSeq)
        writer.endObject()
        writer.endObject()
        seq = firstSeq - 1
        source = .notice
        self.topic = topic
        payload = writer.bytes
    }
}
