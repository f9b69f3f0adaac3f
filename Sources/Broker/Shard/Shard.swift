import Diagnostics
import Identity
import MQTT
import Persistence
import Topics
import Transport

/// The broker of one reactor: its sessions, its subscriptions, the rights of its users. It shares nothing with the other shards; what
/// they have to know of each other goes through mailboxes. Used on the reactor's thread only.
package struct Shard: ~Copyable {
    let index: Int
    let hub: Hub

    /// By connection slot.
    var clients: [Client] = []
    var sessions: [Session] = []
    var freeSessions: [Int32] = []
    /// Live sessions by the serial of their claim.
    var sessionBySerial: [UInt64: Int32] = [:]
    var nextGeneration: UInt32 = 1
    /// Clients that wait to be connected, by the serial of their claim.
    var connecting: [UInt64: Connecting] = [:]
    /// Clients whose token is to be verified, or whose user is being looked up, by connection slot.
    var resolving: [Int32: Resolving] = [:]
    var arrivals = Arrivals()
    var fanouts = Fanouts()

    /// Plain topics. Negative sessions stand for other shards: -1 - index.
    var subscriptions: SubscriptionIndex
    /// Logs of plain filters, which stand in `subscriptions` too.
    var filterLogs: [FilterLog] = []
    var freeFilterLogs: [Int32] = []
    var logFences = LogFences()
    var filterLogIndex: [[UInt8]: Int32] = [:]
    /// How many local sessions have a filter; the other shards know those above zero.
    var filterCounts: [TopicFilter: Int] = [:]
    var routes = RouteCache()
    /// For each other shard, what goes to it at the end of the turn.
    var outgoing: [[PlainBatch]]
    /// A bit for each other shard that has enough to do.
    var busyShards: UInt64 = 0
    /// Tokens of publishers that wait for such.
    var publishersAhead: [UInt64] = []
    var shares: ShareTable

    var users: [UserState] = []
    var freeUsers: [Int32] = []
    var userIndex: [Int64: Int32] = [:]
    var topics: [TopicState] = []
    var freeTopics: [Int32] = []
    var topicIndex: [Int64: Int32] = [:]
    var recentHeads = RecentSeqs<Int64>()
    var recentFirsts = RecentSeqs<Int64>()
    /// The last entries that took access away: one from before it that comes late gives nothing back.
    var recentLosses = RecentSeqs<Access>(periodMilliseconds: Limits.lossesMilliseconds)
    var errands = Errands()
    var retainedReads = RetainedReads()
    /// Entries that waited for an earlier one when the last reader of their topic here went: they may let others in.
    var stranded: [LogEntry] = []
    var notices = Notices()

    var counters = ShardCounters()
    var system = SystemFeed()

    /// Encoded forms of the message that is being delivered.
    var frames = FrameSet()
    var scratch: [UInt8] = []
    var sessionsWithChangedCursors: [Int32] = []
    var sessionsToSave: [Int32] = []
    /// Tokens of publishers that wait until less is to be committed.
    var heldBack: [UInt64] = []
    /// Tokens of publishers that were faster than they may.
    var throttled: [UInt64] = []
    var nextCursorSave: Int64 = 0
    var nextTokenCheck: Int64 = 0
    var nextGapCheck: Int64 = 0
    var nextSessionKeep: Int64 = 0
    var isStopping = false

    /// - Parameter seed: of the hashes of topics; random, but for tests that repeat themselves.
    package init(index: Int, hub: Hub, seed: UInt64 = .random(in: .min ... .max)) {
        self.index = index
        self.hub = hub
        subscriptions = SubscriptionIndex(seed: seed)
        outgoing = Array(repeating: [], count: hub.mailroom.shardCount)
        shares = ShareTable(shardCount: hub.mailroom.shardCount)
        for log in hub.settings.filterLogs { addLog(log) }
    }

    /// A connection's place in the protocol.
    enum Client {
        case none
        /// No CONNECT yet; where it comes from.
        case new(PeerAddress)
        /// CONNECT came; it stands in `resolving`.
        case resolving
        /// CONNECT came; the serial of its claim.
        case waiting(UInt64)
        case connected(Int32)
        /// Told to go: what still comes is dropped.
        case ended
    }

    // MARK: Events

    package mutating func opened(_ id: ConnectionID, peer: PeerAddress, io: inout Connections) {
        while clients.count <= Int(id.slot) { clients.append(.none) }
        clients[Int(id.slot)] = .new(peer)
        counters.connectionsOpened += 1
        io.setDeadline(id.slot, at: io.now + Limits.connectMilliseconds)
    }

    package mutating func closed(_ id: ConnectionID, io: inout Connections) {
        let client = clients[Int(id.slot)]
        clients[Int(id.slot)] = .none
        switch client {
        case .none, .new, .ended: break
        case .resolving: resolving[id.slot] = nil
        case .waiting(let serial): abandonConnecting(serial)
        case .connected(let session): endSession(session, isClean: false)
        }
    }

    package mutating func deadlineReached(_ id: ConnectionID, io: inout Connections) {
        switch clients[Int(id.slot)] {
        case .none: break
        case .new, .resolving, .waiting, .ended: io.abort(id.slot)
        case .connected(let session):
            if sessions[Int(session)].acknowledgements.isBlocked {
                disconnect(session, .serverBusy, text: "the database is away", io: &io)
            } else if io.isReadingPaused(id.slot), !io.isCongested(id.slot) {
                // It is us who do not listen.
                keepAlive(session, io: &io)
            } else {
                disconnect(session, .keepAliveTimeout, io: &io)
            }
        }
    }

    package mutating func drained(_ id: ConnectionID, io: inout Connections) {
        guard case .connected(let session) = clients[Int(id.slot)] else { return }
        sendQueued(session, io: &io)
        pump(session, io: &io)
        reopenShares(session, io: &io)
        continueRetained(session, io: &io)
        resumeReading(session, io: &io)
    }

    package mutating func tick(io: inout Connections) {
        startRetainedReads(io: &io)
        releaseHeldBack(io: &io)
        notices.tick(now: io.now)
        releaseThrottled(io: &io)
        recentFirsts.tick(now: io.now)
        recentLosses.tick(now: io.now)
        if recentHeads.tick(now: io.now) {
            for topic in topics.indices { topics[topic].forgetRecent() }
        }
        if io.now >= nextCursorSave {
            nextCursorSave = io.now + Limits.cursorSaveMilliseconds
            saveChangedCursors()
            saveShareLogs()
        }
        feedStalledShares(io: &io)
        if io.now >= nextSessionKeep {
            nextSessionKeep = io.now + Limits.sessionKeepMilliseconds
            let connected = sessions.filter(\.isPersistent).map(\.storedID)
            if !connected.isEmpty { Task { [hub] in await hub.keep(connected) } }
        }
        if io.now >= nextGapCheck {
            nextGapCheck = io.now + Limits.gapMilliseconds
            readGaps(now: io.now)
        }
        if index == 0 {
            hub.runWills()
            for change in hub.presence.expire(now: hub.services.wallMilliseconds()) { hub.tell(change) }
        }
        if io.now >= nextTokenCheck {
            nextTokenCheck = io.now + Limits.tokenCheckMilliseconds
            endExpiredTokens(io: &io)
        }
        tickStatistics(io: &io)
    }

    package mutating func turnEnded(io: inout Connections) {
        applyStranded(io: &io)
        identifyNext(io: &io)
        continueFanouts(io: &io)
        askForNotices()
        finishShares(io: &io)
        if isStopping { saveShareLogs() }
        saveSessions()
        postPlain(io: &io)
        answerLogFences()
    }

    package mutating func mail(_ mail: ShardMail, io: inout Connections) {
        switch mail {
        case .committed(let entries):
            for entry in entries { apply(entry, io: &io) }
            releaseHeldBack(io: &io)
        case .outcomes(let outcomes): for (token, outcome) in outcomes { resolve(token, outcome, io: &io) }
        case .plain(let batches): deliver(batches, io: &io)
        case .plainRoom(let shard): plainRoom(on: shard, io: &io)
        case .will(let id, let message):
            publish(message, id: id, io: &io) { [hub] isKept in
                if isKept { hub.willSent(id) } else { hub.willFailed(id) }
            }
        case .shares(let mail): shares.take(mail)
        case .filterAdded(let filter, let shard) where filter.isShared: addHolder(shard, of: filter)
        case .filterRemoved(let filter, let shard) where filter.isShared: removeHolder(shard, of: filter)
        case .filterAdded(let filter, let shard):
            _ = subscriptions.insert(filter, Subscription(session: Int32(-1 - shard), options: DeliveryOptions(qos: 2)))
        case .filterRemoved(let filter, let shard): _ = subscriptions.remove(filter, session: Int32(-1 - shard))
        case .takeOver(let key, let claim, let claimant): takeOver(key, claim, by: claimant, io: &io)
        case .released(let claimant): released(claimant, io: &io)
        case .loaded(let claimant, let state): loaded(claimant, state, io: &io)
        case .resolved(let id, let claims): resolved(id, claims, io: &io)
        case .nextTurn: break
        case .filterLogAdded(let log): addLog(log)
        case .filterLogRemoved(let log): removeLog(log)
        case .logFence(let mail): handle(mail, io: &io)
        case .subscriptionsSaved(let token, let answer, let logs):
            subscriptionsSaved(token, answer, logs, io: &io)
        case .orphansRead(let token, let orphans):
            if let session = session(of: token) { keepOrphans(orphans, of: session) }
        case .sessionsSaved(let sessions, let isSaved): saved(sessions, isSaved: isSaved, io: &io)
        case .reauthenticated(let token, let outcome): reauthenticated(token, outcome, io: &io)
        case .topicFound(let token, let lookup): topicFound(token, lookup, io: &io)
        case .describeDevices(let user, let survey): survey.answer(devices(of: user))
        case .forgetDevice(let key, let survey): survey.answer(forgetDevice(key, io: &io))
        case .shareLogRead(let topicID, let seq, let entries):
            shareLogRead(topicID, after: seq, entries, io: &io)
        case .gapRead(let topicID, let first, let entries): fillGap(topicID, before: first, entries, io: &io)
        case .trimmed(let topicID, let firstSeq): noteTrimmed(topicID, firstSeq)
        case .logRead(let token, let reads, let pages): logRead(token, reads, pages, io: &io)
        case .retainedFence(let round, let shard): answerRetainedFence(round, from: shard)
        case .retainedFenceAnswered(let round, let shard, let lastPut):
            retainedFenceAnswered(round, by: shard, lastPut: lastPut, io: &io)
        case .retainedRead(let answer): retainedRead(answer, io: &io)
        case .system(let values): publishSystem(values, io: &io)
        case .membersCounted(let group, let count, let seq): membersCounted(group, count, asOf: seq)
        case .signal(let signal): deliver(signal, io: &io)
        case .read(let receipt): apply(receipt, io: &io)
        case .unread(let conversations, let token): deliver(conversations, to: token, io: &io)
        case .presences(let token, let signals): deliver(signals, to: token, io: &io)
        case .loginSessionRevoked(let id): endSessions(ofLogin: id, io: &io)
        case .userEnded(let id): endSessions(ofUser: id, io: &io)
        case .stop: stop(io: &io)
        }
    }

    // MARK: Packets

    /// Handles the whole packets in `bytes` and returns their length.
    package mutating func received(_ id: ConnectionID, _ bytes: Span<UInt8>, io: inout Connections) -> Int {
        var offset = 0
        do throws(ProtocolError) {
            while offset < bytes.count, let used = try receiveOne(id, bytes, at: offset, io: &io) {
                offset += used
                counters.packetsReceived += 1
                counters.bytesReceived += used
                // Who does not read our answers is not read either: they would fill the memory.
                if io.isCongested(id.slot) { io.pauseReading(id.slot) }
                if io.isReadingPaused(id.slot) { break }
            }
        } catch {
            refuse(id, error, io: &io)
            return bytes.count
        }
        if offset > 0, case .connected(let session) = clients[Int(id.slot)] { keepAlive(session, io: &io) }
        return offset
    }

    /// - Returns: the packet's length; nil: it has not arrived whole, or nothing more is taken from this client.
    private mutating func receiveOne(
        _ id: ConnectionID, _ bytes: Span<UInt8>, at offset: Int, io: inout Connections
    ) throws(ProtocolError) -> Int? {
        switch clients[Int(id.slot)] {
        case .none, .ended, .resolving, .waiting: return nil
        case .new(let peer):
            guard
                let header = try FixedHeader.read(bytes, at: offset, packetBytesMax: Limits.packetBytesMaxBeforeConnect)
            else { return nil }
            guard header.type == .connect else {
                throw ProtocolError(.protocolError, "the first packet is not CONNECT")
            }
            guard offset + header.packetLength <= bytes.count else { return nil }
            counters.connects += 1
            let connect = try Connect.decode(header, in: bytes, at: offset)
            let packetBytesMax = connect.packetBytesMax
            do throws(ProtocolError) {
                try self.connect(id, connect, from: peer, io: &io)
            } catch {
                refuseConnect(id, error, packetBytesMax: packetBytesMax, io: &io)
            }
            return header.packetLength
        case .connected(let session):
            guard let header = try FixedHeader.read(bytes, at: offset, packetBytesMax: Limits.packetBytesMax),
                offset + header.packetLength <= bytes.count
            else { return nil }
            let version = sessions[Int(session)].version
            if header.type == .publish {
                counters.publishesReceived += 1
                counters.publishBytesReceived += header.packetLength
                let publish = try Publish.decode(header, in: bytes, at: offset, version: version)
                let packet = offset..<offset + header.packetLength
                try receive(publish, packet, bytes, from: session, io: &io)
            } else {
                let packet = try ClientPacket.decode(header, in: bytes, at: offset, version: version)
                try receive(packet, from: session, io: &io)
            }
            return header.packetLength
        }
    }

    private mutating func receive(
        _ packet: ClientPacket, from session: Int32, io: inout Connections
    ) throws(ProtocolError) {
        if let (type, packetID) = packet.answer, sessions[Int(session)].inFlight.isOutOfPlace(type, packetID) {
            throw ProtocolError(.protocolError, "an acknowledgement of another kind than the packet needs")
        }
        switch packet {
        case .puback(let acknowledgement): acknowledge(acknowledgement.packetID, of: session, io: &io)
        case .subscribe(let subscribe): try receive(subscribe, from: session, io: &io)
        case .unsubscribe(let unsubscribe): try receive(unsubscribe, from: session, io: &io)
        case .pingreq:
            scratch.removeAll(keepingCapacity: true)
            ServerPacket.encodePingresp(into: &scratch)
            io.append(scratch.span, to: sessions[Int(session)].slot)
        case .disconnect(let disconnect): try receive(disconnect, from: session, io: &io)
        case .connect: throw ProtocolError(.protocolError, "a second CONNECT")
        case .publish: preconditionFailure("publishes have their own way")
        case .pubrec(let acknowledgement): received(acknowledgement, of: session, io: &io)
        case .pubrel(let acknowledgement): release(acknowledgement.packetID, of: session, io: &io)
        case .pubcomp(let acknowledgement): completed(acknowledgement.packetID, of: session, io: &io)
        case .auth(let auth): try receive(auth, from: session, io: &io)
        }
    }

    // MARK: End of a connection

    /// Ends a session's connection by our decision.
    mutating func disconnect(_ session: Int32, _ reason: ReasonCode, text: String = "", io: inout Connections) {
        let slot = sessions[Int(session)].slot
        var properties: [UInt8] = []
        if !text.isEmpty, sessions[Int(session)].wantsProblemInformation {
            properties.appendProperty(.reasonString, text: text)
            // Beside it: type, reason, and two lengths [MQTT-3.14.2-3].
            if properties.count + 6 > sessions[Int(session)].packetBytesMax { properties = [] }
        }
        scratch.removeAll(keepingCapacity: true)
        ServerPacket.encodeDisconnect(
            into: &scratch, version: sessions[Int(session)].version, reason: reason, properties: properties)
        if !scratch.isEmpty { io.append(scratch.span, to: slot) }
        clients[Int(slot)] = .ended
        io.finish(slot)
        endSession(session, isClean: false)
    }

    private mutating func receive(
        _ disconnect: Disconnect, from session: Int32, io: inout Connections
    ) throws(ProtocolError) {
        let slot = sessions[Int(session)].slot
        if let expiry = disconnect.sessionExpirySeconds {
            guard expiry == 0 || sessions[Int(session)].expirySeconds != 0 else {
                throw ProtocolError(.protocolError, "a session that ends with its connection cannot be kept")
            }
            sessions[Int(session)].expirySeconds = min(expiry, Limits.sessionExpirySecondsMax)
        }
        clients[Int(slot)] = .ended
        io.conclude(slot)
        endSession(session, isClean: disconnect.reason == .normalDisconnection)
    }

    private func keepAlive(_ session: Int32, io: inout Connections) {
        let limit = sessions[Int(session)].keepAliveMilliseconds
        guard limit > 0, !sessions[Int(session)].acknowledgements.isBlocked else { return }
        io.setDeadline(sessions[Int(session)].slot, at: io.now + limit)
    }

    func isLive(_ session: Int32) -> Bool {
        guard case .connected(session)? = clients[safe: sessions[Int(session)].slot] else { return false }
        return true
    }
}

extension Array {
    subscript(safe index: Int32) -> Element? {
        index >= 0 && index < count ? self[Int(index)] : nil
    }
}
