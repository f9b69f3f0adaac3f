import Transport

// How fast a user may publish to stored topics and send signals. Who is too fast is read no further for a while; a refusal in the middle would
// break the order of its messages (protocol.md §3 "Refusals").
extension Shard {
    /// Counts a publish of the session's user. It is taken in any case, and the next has to wait if this one was on credit.
    mutating func charge(_ session: Int32, io: inout Connections) {
        guard let allowance = sessions[Int(session)].allowance else { return }
        guard allowance.charge(now: io.now) > 0 else { return }
        if !sessions[Int(session)].isThrottled {
            sessions[Int(session)].isThrottled = true
            throttled.append(sessionToken(session))
            hub.metrics.throttled.add(1)
        }
        io.pauseReading(sessions[Int(session)].slot)
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
