import Identity
import MQTT
import Persistence
import Topics

// Wills: kept before CONNACK, sent when their clients are gone (MQTT 5 §3.1.2.5). `WillAgenda` decides what is done when.
extension Hub {
    // MARK: From shards

    /// A connection has ended otherwise than by a normal DISCONNECT.
    func endWill(_ will: KeptWill, sessionSeconds: UInt32, shard: Int) {
        let now = services.wallMilliseconds()
        let dueAt = now + 1000 * Int64(min(will.delaySeconds, sessionSeconds))
        wills.with { $0.end(will.id, dueAt: dueAt, shard: shard, now: now) }
        runWills()
    }

    func discardWill(_ will: KeptWill) {
        wills.with { $0.discard(will.id) }
        runWills()
    }

    /// A shard could not keep it for those who are to get it later: it is tried again.
    func willFailed(_ id: Int64) {
        let now = services.wallMilliseconds()
        wills.with { $0.failed(id, now: now) }
        runWills()
    }

    /// A shard has published it.
    func willSent(_ id: Int64) {
        wills.with { $0.sent(id) }
        runWills()
    }

    /// Works on what is due; called now and then, and when something has happened.
    func runWills() {
        guard wills.begin(now: services.wallMilliseconds()) else { return }
        Task {
            while let action = wills.next(now: services.wallMilliseconds()) {
                switch action {
                case .record(let changes): await record(changes)
                case .send(let except): await sendDue(except: except)
                }
            }
        }
    }

    /// Returns when nothing is due any more, or the time is over.
    package func willsSent(withinMilliseconds limit: Int64) async {
        let deadline = ContinuousClock.now + .milliseconds(limit)
        while ContinuousClock.now < deadline {
            if stoppedShards.load(ordering: .acquiring) == mailroom.shardCount,
                wills.isIdle(now: services.wallMilliseconds())
            {
                return
            }
            try? await Task.sleep(for: .milliseconds(5))
        }
    }

    // MARK: CONNECT

    /// Settles what is left of the client's earlier connections, and keeps its will.
    func keepWill(of waiting: Connecting, continuesSession: Bool) async throws(DatabaseError) -> KeptWill? {
        guard waiting.connect.will != nil || wills.with({ $0.mayHoldWills }) else { return nil }
        guard await wills.recordedAll(now: services.wallMilliseconds(), { runWills() }) else {
            throw .unavailable("the end of an earlier connection could not be recorded")
        }
        let will = waiting.connect.will.map {
            StoredWill(
                $0, id: services.ids.next(), key: waiting.key, sessionSeconds: waiting.sessionSeconds,
                rules: waiting.claims?.acl)
        }
        do throws(DatabaseError) {
            let isDue = try await services.wills.connect(
                user: waiting.key.userID, clientID: waiting.key.clientID, continuesSession: continuesSession,
                will: will, now: services.wallMilliseconds())
            if isDue { becameDue() }
        } catch {
            // It may have been committed all the same.
            if let will { discardWill(KeptWill(id: will.id, delaySeconds: 0)) }
            throw error
        }
        return will.map { KeptWill(id: $0.id, delaySeconds: UInt32($0.delaySeconds)) }
    }

    /// A new token on the live connection: from then on its rights are the will's, too.
    func admit(_ claims: Claims, _ will: KeptWill?) async throws(DatabaseError) -> Bool {
        guard try await isAdmitted(claims) else { return false }
        if let will { try await services.wills.setRules(claims.acl.map(\.json), of: will.id) }
        return true
    }

    /// Sessions of the user had to go: with them ends the delay of their wills.
    func endDelays(ofUser user: Int64) async throws(DatabaseError) {
        guard wills.with({ $0.mayHoldWills }) else { return }
        let now = services.wallMilliseconds()
        if try await services.wills.endDelaysWithoutSession(ofUser: user, now: now) { becameDue() }
    }

    private func becameDue() {
        let now = services.wallMilliseconds()
        wills.with { $0.becameDue(now: now) }
        runWills()
    }

    // MARK: The table

    private func record(_ changes: WillChanges) async {
        do throws(DatabaseError) {
            try await services.wills.record(changes)
            wills.recorded(isDone: true, now: services.wallMilliseconds())
        } catch {
            services.logger.warning("the ends of connections with wills could not be recorded: \(error)")
            wills.recorded(isDone: false, now: services.wallMilliseconds())
        }
    }

    private func sendDue(except: [Int64]) async {
        let limit = Limits.willsPerRead
        do throws(DatabaseError) {
            var rows = try await services.wills.due(at: services.wallMilliseconds(), except: except, limit: limit)
            try await giveEntries(to: &rows)
            let ids = rows.map(\.id), isComplete = rows.count < limit
            let nextDueAt = isComplete ? try await services.wills.nextDue(except: except + ids) : 0
            wills.with { $0.read(ids, nextDueAt: nextDueAt, isComplete: isComplete) }
            for row in rows { Task { await send(row) } }
        } catch {
            services.logger.warning("the wills that are due could not be read: \(error)")
            wills.with { $0.readFailed() }
        }
    }

    /// An entry's id tells when it was sent, so it is not made before that; each further attempt has the same.
    private func giveEntries(to rows: inout [StoredWill]) async throws(DatabaseError) {
        var given: [(id: Int64, entryID: Int64)] = []
        for index in rows.indices where rows[index].entryID == nil {
            let topic = rows[index].topic
            guard case .stored = classify(topic.span) else { continue }
            let entryID = services.ids.next()
            rows[index].entryID = entryID
            given.append((rows[index].id, entryID))
        }
        try await services.wills.setEntries(given)
    }

    // MARK: Sending

    private enum Attempt {
        /// Sent, or not to be sent.
        case over
        /// A shard does it, and will say so.
        case handedOver
        case failed
    }

    private func send(_ will: StoredWill) async {
        let now = services.wallMilliseconds()
        switch await attempt(will, now: now) {
        case .over: wills.with { $0.sent(will.id) }
        case .handedOver: return
        case .failed: wills.with { $0.failed(will.id, now: now) }
        }
        runWills()
    }

    private func attempt(_ will: StoredWill, now: Int64) async -> Attempt {
        var rights: UserRights?
        if will.userID != 0 {
            do {
                rights = try await services.rights.loadRights(userID: will.userID)
            } catch {
                services.logger.warning("the rights of the sender of a will could not be read: \(error)")
                return .failed
            }
        }
        do throws(Refusal) {
            switch classify(will.topic.span) {
            case .plain:
                guard rights?.isEnabled ?? (will.userID == 0 && settings.allowsAnonymous),
                    will.accessRules.mayPublish(will.topic.span)
                else { throw .notAuthorized }
                let shard = wills.with { $0.shard(of: will.id) }
                mailroom.post(.will(id: will.id, will.message(now: now)), to: shard)
                return .handedOver
            case .stored(let address):
                guard let rights, rights.isEnabled else { throw .notAuthorized }
                return try await append(will, to: rights.writableTopic(address).topic)
            case .typing, .read, .presence, .system, .reserved: throw .notAuthorized
            }
        } catch {
            metrics.refused.add(1)
            services.logger.info("the will of a client of user \(will.userID) was not sent: \(error.name)")
            return .over
        }
    }

    private func append(_ will: StoredWill, to topic: StoredTopic) async throws(Refusal) -> Attempt {
        guard let entryID = will.entryID else { preconditionFailure("onto a stored topic an entry is given") }
        let admission = try MessageAdmission(willPayload: will.payload, properties: will.properties)
        let publisher = LogPublisher(log: services.log, ids: services.ids)
        switch await publisher.publish(
            admission, entryID: entryID, senderID: will.userID, topic: topic, mayDeleteOthers: false)
        {
        case .stored: return .over
        case .refused(let refusal): throw refusal
        case .overloaded, .unavailable: return .failed
        }
    }
}

/// A connected client's will, as far as its shard has to know it.
package struct KeptWill: Sendable, Equatable {
    /// Of its row.
    var id: Int64
    var delaySeconds: UInt32
}
