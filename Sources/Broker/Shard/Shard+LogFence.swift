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
    /// Sessions with a subscription that is to be read from a log, and still comes live.
    var raised: Set<Int32> = []
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

    /// What came live although some log has it must not come from there again.
    /// - Parameter entryID: 0: no log has it.
    @inline(__always)
    mutating func noteLive(_ entryID: Int64, _ targets: [Route.Target]) {
        guard entryID != 0, !logFences.raised.isEmpty else { return }
        for target in targets where !target.isLogged && logFences.raised.contains(target.session) {
            sessions[Int(target.session)].copies.noteLive(entryID)
        }
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

    /// A subscription may have been the session's last one that was raised.
    mutating func forgetRaised(_ session: Int32) {
        guard logFences.raised.contains(session),
            !sessions[Int(session)].subscriptions.contains(where: { isRaised($0, session) })
        else { return }
        logFences.raised.remove(session)
    }

    /// A subscription changes over to its log, unless it was removed or lowered meanwhile.
    private mutating func readFromLog(_ log: FilterLog, _ session: Int32) {
        let place = Int(session)
        guard let found = sessions[place].subscriptions.firstIndex(where: { $0.filter.bytes == log.filter }),
            isRaised(sessions[place].subscriptions[found], session)
        else { return }
        sessions[place].subscriptions[found].isLogged = true
        insert(sessions[place].subscriptions[found], of: session)
        cover(log, by: session, from: log.lastSeq)
    }
}
