import MQTT
import Memory
import Persistence
import Topics
import Transport

extension Shard {
    // MARK: SUBSCRIBE

    mutating func receive(
        _ subscribe: Subscribe, from session: Int32, io: inout Connections
    ) throws(ProtocolError) {
        let place = Int(session)
        if sessions[place].version != .v5 { try checkFilters(subscribe.entries.map(\.filter)) }
        var answer = SubscribeAnswer(packetID: subscribe.packetID)
        var granted: [StoredSubscription] = []
        var orphans: [Orphans] = []
        if let replay = ReplayRequest(subscribe.userProperties), isMeaningful(replay, subscribe) {
            let identifier = subscribe.subscriptionID ?? 0
            for (position, entry) in subscribe.entries.enumerated() {
                // Each filter is compared with all that is there, so a packet of a hundred thousand would hold everybody up.
                guard position < Limits.filtersPerPacketMax else {
                    answer.reasons.append(.quotaExceeded)
                    continue
                }
                let isNew = entry.options.retainHandling == .sendIfNew && !isSubscribed(entry.filter, session)
                let wasAcknowledged = isAcknowledged(entry.filter, session)
                let reason = self.subscribe(entry, identifier: identifier, replay, session)
                answer.reasons.append(reason)
                guard !reason.isError else { continue }
                appendSeqs(of: entry.filter, session, to: &answer.properties)
                if let request = retainedRequest(entry, identifier: identifier, isNew: isNew) {
                    answer.retained.append(request)
                }
                if entry.options.retainHandling == .sendAtSubscribe || isNew,
                    let filter = try? TopicFilter(validating: entry.filter), filter.reachesReserved, !filter.isShared
                {
                    answer.presences.append(filter)
                }
                granted.append(
                    StoredSubscription(filter: entry.filter, options: entry.options.rawValue, identifier: identifier))
                if wasAcknowledged, entry.options.qos == .atMostOnce {
                    addOrphans(ofLowered: entry.filter, session, to: &orphans)
                }
            }
        } else {
            answer.reasons = subscribe.entries.map { _ in .implementationSpecificError }
        }
        guard sessions[place].storedID != 0, !granted.isEmpty else {
            send(answer, to: session, io: &io)
            return
        }
        saveSubscriptions(granted, answer, orphans, of: session)
        pauseIfAsking(session, io: &io)
    }

    /// What SUBACK promises of a persistent session must survive a crash: it waits until the rows are there, and after them the cursors.
    mutating func saveSubscriptions(
        _ granted: [StoredSubscription], _ answer: SubscribeAnswer?, _ orphans: [Orphans] = [], of session: Int32
    ) {
        let place = Int(session)
        let token = sessionToken(session), storedID = sessions[place].storedID
        let logged = sessions[place].subscriptions.filter { subscribed in
            (subscribed.isLogged || wantsLog(subscribed, session))
                && granted.contains { $0.filter == subscribed.filter.bytes }
        }
        let previous = sessions[place].lastSave
        sessions[place].savesCount += 1
        sessions[place].lastSave = Task {
            [hub, index, answer, granted, orphans, filters = logged.map(\.filter.bytes)] in
            await previous?.value
            if !orphans.isEmpty {
                hub.mailroom.post(.orphansRead(session: token, await hub.read(orphans)), to: index)
            }
            let logs = await hub.saveSubscriptions(storedID, granted, logged: filters)
            hub.mailroom.post(.subscriptionsSaved(session: token, answer, logs: logs), to: index)
        }
    }

    /// 3.x has no code for a filter that is none: the connection ends [MQTT-4.7.1-2] [MQTT-4.7.1-3] [MQTT-4.7.3-1].
    private func checkFilters(_ filters: [[UInt8]]) throws(ProtocolError) {
        for filter in filters {
            do throws(FilterError) {
                _ = try TopicFilter(validating: filter)
            } catch {
                guard error == .tooManyLevels else { throw ProtocolError(.topicFilterInvalid, "a filter is malformed") }
            }
        }
    }

    /// A bare number says nothing about filters with wildcards alone.
    private func isMeaningful(_ replay: ReplayRequest, _ subscribe: Subscribe) -> Bool {
        let wildcards: Set<UInt8> = [UInt8(ascii: "+"), UInt8(ascii: "#")]
        return replay.bare == nil || subscribe.entries.contains { $0.filter.allSatisfy { !wildcards.contains($0) } }
    }

    mutating func send(_ answer: SubscribeAnswer, to session: Int32, io: inout Connections) {
        scratch.removeAll(keepingCapacity: true)
        let version = sessions[Int(session)].version
        var answer = answer
        // [MQTT-3.9.2-1] [MQTT-3.9.2-2] [MQTT-3.1.2-29]: both leave the properties out.
        if !sessions[Int(session)].wantsProblemInformation
            || answer.properties.count + answer.reasons.count + 12 > sessions[Int(session)].packetBytesMax
        {
            answer.properties = []
        }
        if answer.isUnsubscribe {
            ServerPacket.encodeUnsuback(
                into: &scratch, version: version, packetID: answer.packetID, reasons: answer.reasons)
        } else {
            ServerPacket.encodeSuback(
                into: &scratch, version: version, packetID: answer.packetID, reasons: answer.reasons,
                properties: answer.properties)
        }
        guard scratch.count <= sessions[Int(session)].packetBytesMax else {
            // Nothing else says which filters were granted [MQTT-3.1.2-24].
            disconnect(session, .packetTooLarge, text: "the answer is too large for the client", io: &io)
            return
        }
        io.append(scratch.span, to: sessions[Int(session)].slot)
        sendSystemValues(session, io: &io)
        replayRetained(answer.retained, to: session, io: &io)
        replayPresence(answer.presences, to: session)
        replayUnread(answer.presences, to: session)
        pump(session, io: &io)
    }

    private mutating func subscribe(
        _ entry: Subscribe.Entry, identifier: UInt32, _ replay: ReplayRequest, _ session: Int32
    ) -> ReasonCode {
        let filter: TopicFilter
        do throws(FilterError) {
            filter = try TopicFilter(validating: entry.filter)
        } catch {
            return .topicFilterInvalid
        }
        if filter.isShared {
            if let refusal = refusal(ofShare: filter, session) { return refusal }
        } else if !maySubscribe(filter, session) {
            return .notAuthorized
        }
        var subscribed = Session.Subscribed(filter: filter, options: entry.options, identifier: identifier)
        let place = Int(session)
        if let old = sessions[place].subscriptions.firstIndex(where: { $0.filter == filter }) {
            subscribed.isLogged = sessions[place].subscriptions[old].isLogged
            sessions[place].subscriptions[old] = subscribed
        } else {
            guard sessions[place].subscriptions.count < Limits.subscriptionsMax else { return .quotaExceeded }
            subscribed.isLogged = beginsLogged(subscribed, session)
            sessions[place].subscriptions.append(subscribed)
        }
        if filter.reachesSystem { requestSystemValues(subscribed, of: session) }
        insert(subscribed, of: session)
        let user = sessions[place].user
        if user >= 0, filter.reachesReserved, !filter.isShared {
            for topic in readableTopics(of: user) {
                let name = topics[Int(topic)].name
                guard filter.matches(name.span) else { continue }
                // Entries from before the user's admission may still be on their way to this shard.
                cover(topic, by: session, from: max(topics[Int(topic)].head, (joinedSeq(user, topic) ?? 1) - 1))
                let address = topics[Int(topic)].topic.address
                if let start = replay.start(of: address, isNamedByFilter: !filter.hasWildcards) {
                    moveCursor(in: topic, of: session, to: start)
                }
            }
        }
        return .granted(entry.options.qos)
    }

    /// protocol.md §1 "Filters": without wildcards, what is readable now; with them, what this user could ever read.
    private func maySubscribe(_ filter: TopicFilter, _ session: Int32) -> Bool {
        if filter.reachesSystem { return maySubscribeSystem(filter, session) }
        let user = sessions[Int(session)].user
        if filter.hasWildcards {
            if user >= 0, couldCover(filter, user: users[Int(user)].id) { return true }
            return filter.reachesPlain && sessions[Int(session)].rules.maySubscribe(filter)
        }
        switch classify(filter.bytes.span) {
        case .stored(let address): return user >= 0 && readableTopic(address, user) != nil
        case .typing(let address), .read(let address): return user >= 0 && readableTopic(address, user) != nil
        case .presence(let other): return user >= 0 && mayReadPresence(of: other, user)
        case .plain: return sessions[Int(session)].rules.maySubscribe(filter)
        case .system, .reserved: return false
        }
    }

    /// The user properties `last_seq: topic=seq` and, where the log has lost its beginning, `first_seq` for a filter without wildcards.
    private func appendSeqs(of filter: [UInt8], _ session: Int32, to properties: inout [UInt8]) {
        let user = sessions[Int(session)].user
        guard user >= 0, let address = TopicAddress(parsing: filter.span), let topic = readableTopic(address, user)
        else { return }
        let name = String(decoding: filter, as: UTF8.self), state = topics[Int(topic)]
        properties.appendUserProperty("last_seq", "\(name)=\(state.head)")
        if state.firstSeq > 1 { properties.appendUserProperty("first_seq", "\(name)=\(state.firstSeq)") }
    }

    // MARK: UNSUBSCRIBE

    private static var comparedFiltersMax: Int { 16 }

    mutating func receive(
        _ unsubscribe: Unsubscribe, from session: Int32, io: inout Connections
    ) throws(ProtocolError) {
        let place = Int(session)
        if sessions[place].version != .v5 { try checkFilters(unsubscribe.filters) }
        var reasons: [ReasonCode] = []
        var removed: [[UInt8]] = []
        var orphans: [Orphans] = []
        // A packet may name hundreds of thousands, too many to compare each with all that is there; few cost less so.
        let isLong = unsubscribe.filters.count > Self.comparedFiltersMax
        var subscribed = isLong ? Set(sessions[place].subscriptions.map(\.filter.bytes)) : []
        for bytes in unsubscribe.filters {
            guard !isLong || subscribed.remove(bytes) != nil,
                let found = sessions[place].subscriptions.firstIndex(where: { $0.filter.bytes == bytes })
            else {
                reasons.append(
                    (try? TopicFilter(validating: bytes)) == nil ? .topicFilterInvalid : .noSubscriptionExisted)
                continue
            }
            let filter = sessions[place].subscriptions.remove(at: found).filter
            remove(filter, of: session)
            sessions[place].retained.remove(filter)
            removed.append(bytes)
            reasons.append(.success)
            if let topic = logTopic(of: bytes), let found = self.orphans(in: topic, of: session) {
                orphans.append(found)
            }
            uncoverLog(of: bytes, session: session)
            for cursor in sessions[place].cursors.indices where sessions[place].cursors[cursor].topic >= 0 {
                let topic = sessions[place].cursors[cursor].topic
                guard !sessions[place].cursors[cursor].isFilterLog else { continue }
                let name = topics[Int(topic)].name
                guard filter.matches(name.span) else { continue }
                if coverage(of: topic, by: session) == nil, let found = self.orphans(in: topic, of: session) {
                    orphans.append(found)
                }
                updateCover(topic, of: session)
            }
        }
        let answer = SubscribeAnswer(packetID: unsubscribe.packetID, reasons: reasons, isUnsubscribe: true)
        guard sessions[place].storedID != 0, !removed.isEmpty else {
            send(answer, to: session, io: &io)
            return
        }
        let token = sessionToken(session), storedID = sessions[place].storedID, filters = removed
        let previous = sessions[place].lastSave
        sessions[place].savesCount += 1
        sessions[place].lastSave = Task { [hub, index, orphans] in
            await previous?.value
            if !orphans.isEmpty {
                hub.mailroom.post(.orphansRead(session: token, await hub.read(orphans)), to: index)
            }
            let isSaved = await hub.removeSubscriptions(storedID, filters)
            hub.mailroom.post(.subscriptionsSaved(session: token, answer, logs: isSaved ? [] : nil), to: index)
        }
        pauseIfAsking(session, io: &io)
    }

    mutating func subscriptionsSaved(
        _ token: UInt64, _ answer: SubscribeAnswer?, _ logs: [FilterLog]?, io: inout Connections
    ) {
        for log in logs ?? [] { announce(log) }
        guard let session = session(of: token) else { return }
        sessions[Int(session)].savesCount -= 1
        // A task keeps its memory as long as somebody knows it.
        if sessions[Int(session)].savesCount == 0 { sessions[Int(session)].lastSave = nil }
        // The client can only be told the truth by losing it: 3.1.1 has no way to take a subscription back.
        guard let logs else {
            disconnect(session, .serverBusy, text: "the database is away", io: &io)
            return
        }
        var live: [FilterLog] = []
        for log in logs {
            // It may have unsubscribed meanwhile.
            let found = sessions[Int(session)].subscriptions.first { $0.filter.bytes == log.filter }
            guard let subscribed = found, !log.isShared else { continue }
            if subscribed.isLogged { cover(log, by: session, from: log.lastSeq) } else { live.append(log) }
        }
        guard live.isEmpty else {
            awaitOtherShards(live, answer, of: session)
            return
        }
        finishSubscribe(answer, of: session, io: &io)
    }

    /// The cursors are there: SUBACK follows when they are saved, UNSUBACK at once if nothing has to be.
    mutating func finishSubscribe(_ answer: SubscribeAnswer?, of session: Int32, io: inout Connections) {
        if let answer {
            if answer.isUnsubscribe, sessions[Int(session)].kept.isEmpty {
                send(answer, to: session, io: &io)
            } else {
                hold(.answer(answer), of: session)
            }
        }
        // The client may have no room for the answer.
        if isLive(session) { resumeReading(session, io: &io) }
    }

    // MARK: Index of plain topics

    /// Puts a subscription into the index, and tells the other shards of the first one with its filter.
    mutating func insert(_ subscribed: Session.Subscribed, of session: Int32) {
        if subscribed.filter.isShared {
            joinShare(subscribed, session)
            return
        }
        guard subscribed.filter.reachesPlain else {
            if subscribed.filter.reachesSystem { insertSystem(subscribed.filter, of: session) }
            return
        }
        let options = DeliveryOptions(
            qos: liveQoS(subscribed, session).rawValue, noLocal: subscribed.options.noLocal,
            retainAsPublished: subscribed.options.retainAsPublished)
        let isNew = subscriptions.insert(
            subscribed.filter, Subscription(session: session, options: options, identifier: subscribed.identifier))
        guard isNew else { return }
        filterCounts[subscribed.filter, default: 0] += 1
        if filterCounts[subscribed.filter] == 1 {
            hub.mailroom.postToOthers(.filterAdded(subscribed.filter, shard: index), from: index)
        }
    }

    mutating func remove(_ filter: TopicFilter, of session: Int32) {
        if filter.isShared {
            detachShare(filter, session)
            return
        }
        if filter.reachesSystem { removeSystem(filter, of: session) }
        guard subscriptions.remove(filter, session: session), let count = filterCounts[filter] else { return }
        filterCounts[filter] = count == 1 ? nil : count - 1
        if count == 1 { hub.mailroom.postToOthers(.filterRemoved(filter, shard: index), from: index) }
    }
}

/// SUBACK or UNSUBACK, ready to be sent.
package struct SubscribeAnswer: Sendable {
    var packetID: UInt16
    var reasons: [ReasonCode] = []
    var properties: [UInt8] = []
    var isUnsubscribe = false
    /// What is to be sent after it.
    var retained: [RetainedReplay.Request] = []
    /// Filters that may cover presences or the inbox: last values and what is unread are to be sent after it.
    var presences: [TopicFilter] = []
}
