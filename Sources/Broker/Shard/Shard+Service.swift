import MQTT
import Persistence
import Topics
import Transport

/// What became of a question for a topic.
package enum TopicLookup: Sendable {
    case found(FoundTopic)
    case missing
    /// The database is away.
    case unavailable
}

// Services: an `acl` claim opens stored topics for publishing if the token has the scope `service` (protocol.md §1). The shard knows only
// topics that somebody here may read, so others are looked up when such a client first publishes there; what it sends meanwhile waits.
extension Shard {
    /// A service that publishes to more topics than that begins to look them up anew.
    private static var openedTopicsMax: Int { 1_000 }

    /// What the user may do in a conversation, or else what the token's `acl` opens.
    func publishRight(
        _ kind: TopicClass, on name: Span<UInt8>, _ session: Int32
    ) throws(Refusal) -> PublishRight {
        let opened = openedTopic(kind, name, session)
        do throws(Refusal) {
            let right = try publishRight(kind, session)
            guard right.isReactionsOnly, opened != nil else { return right }
            return PublishRight(topic: right.topic)
        } catch {
            guard let opened else { throw error }
            return PublishRight(topic: opened)
        }
    }

    /// The topic in the table, if the `acl` opens it and it was looked up.
    private func openedTopic(_ kind: TopicClass, _ name: Span<UInt8>, _ session: Int32) -> Int32? {
        guard let address = address(opened: kind, name, session) else { return nil }
        return sessions[Int(session)].opened.topics[address] ?? topicOfUser(address, session)
    }

    private func address(opened kind: TopicClass, _ name: Span<UInt8>, _ session: Int32) -> TopicAddress? {
        guard sessions[Int(session)].opensReserved, case .stored(let address) = kind,
            sessions[Int(session)].rules.mayPublish(name)
        else { return nil }
        return address
    }

    private func topicOfUser(_ address: TopicAddress, _ session: Int32) -> Int32? {
        let user = sessions[Int(session)].user
        return user < 0 ? nil : readableTopic(address, user)
    }

    // MARK: Looking up

    /// Whether a PUBLISH has to wait until its topic, or that of an earlier one, is found; it is kept then.
    mutating func waitsForTopic(
        _ publish: Publish, _ packet: Range<Int>, _ bytes: Span<UInt8>, _ session: Int32, io: inout Connections
    ) -> Bool {
        let place = Int(session)
        if !sessions[place].opened.isWaiting {
            guard sessions[place].opensReserved, let address = missingTopic(publish, bytes, session) else {
                return false
            }
            lookUp(address, for: session)
        }
        sessions[place].opened.hold(
            [UInt8](span: bytes.extracting(packet)), isAnswered: publish.qos.isAcknowledged)
        io.pauseReading(sessions[place].slot)
        return true
    }

    private func missingTopic(_ publish: Publish, _ bytes: Span<UInt8>, _ session: Int32) -> TopicAddress? {
        guard publish.topic.isEmpty else { return missingTopic(bytes.extracting(publish.topic), session) }
        // One that is not set ends the connection when it is resolved.
        guard let name = sessions[Int(session)].aliases[safe: Int32(publish.topicAlias) - 1] else { return nil }
        return missingTopic(name.span, session)
    }

    private func missingTopic(_ name: Span<UInt8>, _ session: Int32) -> TopicAddress? {
        let kind = classify(name)
        guard let address = address(opened: kind, name, session), openedTopic(kind, name, session) == nil else {
            return nil
        }
        return address
    }

    private mutating func lookUp(_ address: TopicAddress, for session: Int32) {
        if sessions[Int(session)].opened.topics.count >= Self.openedTopicsMax { forgetOpenedTopics(session) }
        sessions[Int(session)].opened.begin(address)
        let token = sessionToken(session)
        Task { [hub, index] in
            hub.mailroom.post(.topicFound(session: token, await hub.lookUp(address)), to: index)
        }
    }

    /// What waited goes on, in order; it may wait again, for another topic.
    mutating func topicFound(_ token: UInt64, _ lookup: TopicLookup, io: inout Connections) {
        guard let session = session(of: token) else { return }
        var topic: Int32?
        switch lookup {
        case .found(let found): topic = holdTopic(found.topic, firstSeq: found.firstSeq, lastSeq: found.lastSeq)
        case .missing: break
        case .unavailable:
            disconnect(session, .serverBusy, text: "the database is away", io: &io)
            return
        }
        let packets = sessions[Int(session)].opened.finish(topic)
        for (position, packet) in packets.enumerated() {
            do throws(ProtocolError) {
                // What is not there is refused, not looked up again.
                try receiveHeld(packet, from: session, isFound: position == 0, io: &io)
            } catch {
                disconnect(session, error.reason, text: "\(error.message)", io: &io)
            }
            guard isLive(session) else { return }
        }
        resumeReading(session, io: &io)
    }

    mutating func forgetOpenedTopics(_ session: Int32) {
        let topics = sessions[Int(session)].opened.topics.values
        sessions[Int(session)].opened = OpenedTopics()
        for topic in topics { releaseTopic(topic) }
    }
}

extension Hub {
    func lookUp(_ address: TopicAddress) async -> TopicLookup {
        do throws(DatabaseError) {
            return try await services.rights.topic(at: address).map { .found($0) } ?? .missing
        } catch {
            services.logger.warning("a topic could not be looked up: \(error)")
            return .unavailable
        }
    }
}
