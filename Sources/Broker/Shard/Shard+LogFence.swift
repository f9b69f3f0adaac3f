import MQTT
import Persistence
import Topics
import Transport

/// Questions to the other shards whether they know the logs that subscriptions are about to be read from.
struct LogFences {
    struct Round {
        var session: UInt64
        var logs: [FilterLog]
        var answer: SubscribeAnswer?
        var answersMissing: Int
    }

    /// A question of another shard, to be answered when what was published here before is on its way.
    struct Question {
        var round: UInt64
        var asker: Int
    }

    private var rounds: [UInt64: Round] = [:]
    private var lastRound: UInt64 = 0
    var live = LiveEntries()
    var questions: [Question] = []

    /// - Returns: the round's number.
    mutating func begin(_ round: Round) -> UInt64 {
        lastRound += 1
        rounds[lastRound] = round
        return lastRound
    }

    /// - Returns: the round, if that was the last answer.
    mutating func answered(_ number: UInt64) -> Round? {
        guard var round = rounds.removeValue(forKey: number) else { preconditionFailure("one answer from each shard") }
        round.answersMissing -= 1
        if round.answersMissing == 0 { return round }
        rounds[number] = round
        return nil
    }
}

/// A message that was delivered live, and that a log has too.
struct LiveEntry: Hashable {
    /// Its topic's id.
    var log: Int64
    var id: Int64
}

/// The last of them on a shard, in no order.
struct LiveEntries {
    /// What is published while a log's end is read and subscriptions are saved, at most 256 KiB of memory. More come twice.
    private static let countMax = 16_384
    private var ring: [LiveEntry] = []
    private var oldest = 0

    mutating func note(_ id: Int64, log: Int64) {
        let entry = LiveEntry(log: log, id: id)
        guard ring.count == Self.countMax else {
            ring.append(entry)
            return
        }
        ring[oldest] = entry
        oldest = (oldest + 1) % Self.countMax
    }

    func ids(in log: Int64) -> [Int64] { ring.compactMap { $0.log == log ? $0.id : nil } }
}

package enum LogFenceMail: Sendable {
    /// All that is published where this is heard goes to these logs from now on. The shard that asks wants to hear when what was published
    /// before has been sent to it.
    case question(UInt64, [FilterLog], from: Int)
    case answer(UInt64)
}

// A subscription of a persistent session that is raised from QoS 0: nothing may be lost between the last message that came live and the first
// that comes from the log [MQTT-3.8.4-4]. Until all shards append to the log, whatever they publish still comes live, at QoS 0.
extension Shard {
    /// The QoS with which a subscription stands in the index. For a persistent session one above 0 says that it reads a log.
    func liveQoS(_ subscribed: Session.Subscribed, _ session: Int32) -> QoS {
        guard sessions[Int(session)].isPersistent else { return subscribed.options.qos }
        return subscribed.isLogged ? max(subscribed.options.qos, .atLeastOnce) : .atMostOnce
    }

    /// Whether a subscription is to be read from a log, and still comes live.
    func isRaised(_ subscribed: Session.Subscribed, _ session: Int32) -> Bool {
        !subscribed.isLogged && !subscribed.filter.isShared && wantsLog(subscribed, session)
    }

    /// Whether a new subscription can leave everything to its log from the start: it takes nothing away from what the session gets live.
    func beginsLogged(_ subscribed: Session.Subscribed, _ session: Int32) -> Bool {
        guard !subscribed.filter.isShared, wantsLog(subscribed, session) else { return false }
        return !sessions[Int(session)].subscriptions.contains {
            !$0.isLogged && !$0.filter.isShared && $0.filter.reachesPlain
        }
    }

    /// Whoever has no cursor in these logs has got the message live, and must not get it from there when it changes over to one of them.
    /// - Parameter entryID: 0: no log has it.
    mutating func noteLive(_ entryID: Int64, _ logs: [Int64]) {
        guard entryID != 0 else { return }
        for log in logs { logFences.live.note(entryID, log: log) }
    }

    /// Asks the other shards to append to these logs before the session reads what matches from there.
    mutating func awaitOtherShards(_ logs: [FilterLog], _ answer: SubscribeAnswer?, of session: Int32) {
        let round = logFences.begin(
            LogFences.Round(
                session: sessionToken(session), logs: logs, answer: answer, answersMissing: hub.mailroom.shardCount))
        hub.mailroom.postToOthers(.logFence(.question(round, logs, from: index)), from: index)
        logFences.questions.append(LogFences.Question(round: round, asker: index))
    }

    mutating func handle(_ mail: LogFenceMail, io: inout Connections) {
        switch mail {
        case .question(let round, let logs, let shard):
            for log in logs { addLog(log) }
            logFences.questions.append(LogFences.Question(round: round, asker: shard))
        case .answer(let round): logFenceAnswered(round, io: &io)
        }
    }

    /// The end of a turn: what was published in it is in the mailboxes of the other shards, unless it has to wait.
    mutating func answerLogFences() {
        guard !logFences.questions.isEmpty else { return }
        for question in logFences.questions where outgoing[question.asker].isEmpty {
            hub.mailroom.post(.logFence(.answer(question.round)), to: question.asker)
        }
        logFences.questions.removeAll { outgoing[$0.asker].isEmpty }
    }

    private mutating func logFenceAnswered(_ number: UInt64, io: inout Connections) {
        guard let round = logFences.answered(number), let session = session(of: round.session) else { return }
        for log in round.logs { readFromLog(log, session) }
        finishSubscribe(round.answer, of: session, io: &io)
    }

    /// A subscription changes over to its log, unless it was removed or lowered meanwhile.
    private mutating func readFromLog(_ log: FilterLog, _ session: Int32) {
        let place = Int(session)
        guard let found = sessions[place].subscriptions.firstIndex(where: { $0.filter.bytes == log.filter }),
            isRaised(sessions[place].subscriptions[found], session)
        else { return }
        sessions[place].subscriptions[found].isLogged = true
        insert(sessions[place].subscriptions[found], of: session)
        // Their commits may have come after the end of the log was read.
        sessions[place].copies.noteLive(logFences.live.ids(in: log.topicID), log: log.topicID)
        cover(log, by: session, from: log.lastSeq)
    }
}
