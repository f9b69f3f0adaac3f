import MQTT
import Topics
import Transport

// How fast a user may publish to stored topics and send signals. Who is too fast is read no further for a while; a refusal in the middle would
// break the order of its messages (protocol.md §3 "Refusals").
extension Shard {
    /// Counts a publish as it arrives: one that is held until its session is saved, or its topic found, is not the last that was read.
    /// It is taken in any case, and the next has to wait if this one was on credit.
    mutating func charge(_ publish: Publish, _ bytes: Span<UInt8>, to session: Int32, io: inout Connections) {
        guard let allowance = sessions[Int(session)].allowance, counts(publish, bytes, of: session),
            allowance.charge(now: io.now) > 0
        else { return }
        if !sessions[Int(session)].isThrottled {
            sessions[Int(session)].isThrottled = true
            throttled.append(sessionToken(session))
            hub.metrics.throttled.add(1)
        }
        io.pauseReading(sessions[Int(session)].slot)
    }

    /// Whoever publishes to a plain topic was given the right by the operator, who knows how much that may be.
    private func counts(_ publish: Publish, _ bytes: Span<UInt8>, of session: Int32) -> Bool {
        let kind: TopicClass
        if publish.topic.isEmpty {
            // An alias that nobody has set is an error, or set by a packet that is held.
            guard let topic = sessions[Int(session)].aliases[safe: Int32(publish.topicAlias) - 1] else { return true }
            kind = classify(topic.span)
        } else {
            kind = classify(bytes.extracting(publish.topic))
        }
        if case .plain = kind { return false }
        return true
    }

    /// Reads on from those who may publish again.
    mutating func releaseThrottled(io: inout Connections) {
        guard !throttled.isEmpty else { return }
        var tokens: [UInt64] = []
        swap(&tokens, &throttled)
        for token in tokens {
            guard let session = session(of: token) else { continue }
            guard sessions[Int(session)].allowance?.wait(now: io.now) ?? 0 == 0 else {
                throttled.append(token)
                continue
            }
            sessions[Int(session)].isThrottled = false
            resumeReading(session, io: &io)
        }
    }
}
