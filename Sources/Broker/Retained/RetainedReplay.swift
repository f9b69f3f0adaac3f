import MQTT
import Persistence
import Topics

/// What a session is still to get of retained messages: for each SUBSCRIBE that asked for them its filters, and how far they are done with.
///
/// It holds no payload, and at most one page of topics: what can't be sent when it has been read is read again.
struct RetainedReplay {
    /// A filter of a SUBSCRIBE.
    struct Request {
        var filter: TopicFilter
        /// Granted.
        var qos: QoS
        /// 0: none.
        var identifier: UInt32
        /// Counts the session's requests.
        var serial: UInt64 = 0
        /// nil: not ready.
        var fence: RetainedFence?
    }

    /// A topic that may keep a message, for a request.
    struct Candidate {
        var topic: [UInt8]
        var request: Request
    }

    /// The next part of the topics in order, of which the filter picks some.
    struct Walk: Sendable, Equatable {
        var filter: TopicFilter
        var serial: UInt64
        var position: RetainedPosition
        /// The first place behind the range.
        var end: [UInt8]
    }

    /// What has to be read next.
    enum Step: Equatable {
        case nothing
        case topics(Walk)
        case messages([[UInt8]])
    }

    /// Not begun.
    private var requests: [Request] = []
    private var lastSerial: UInt64 = 0
    /// The request whose topics are being walked through, and where.
    private var walking: (request: Request, position: RetainedPosition, end: [UInt8])?
    /// Those before `foundStart` are done with.
    private var found: [Candidate] = []
    private var foundStart = 0

    /// It waits for a read.
    var isReading = false
    /// The next read has to wait until what was published before is written.
    var mustSettle = false
    /// A live message was dropped meanwhile.
    var hasLostLive = false

    /// Nothing can be done until something is added or becomes ready.
    var isIdle: Bool {
        foundStart == found.count && walking == nil && requests.first?.fence == nil
    }

    /// Messages that the next read may bring, as far as that is known.
    var nextCount: Int {
        if foundStart < found.count { return found.count - foundStart }
        if walking != nil { return .max }
        let ready = requests.prefix { $0.fence != nil }
        return ready.first.map { $0.filter.hasWildcards } ?? true
            ? .max : ready.prefix { !$0.filter.hasWildcards }.count
    }

    /// Of the next message, at most.
    var nextQoS: QoS {
        if foundStart < found.count { return found[foundStart].request.qos }
        return walking?.request.qos ?? requests.first?.qos ?? .atMostOnce
    }

    /// - Returns: the request's serial, for `ready`.
    mutating func add(_ request: Request) -> UInt64 {
        if foundStart == found.count, walking == nil, requests.isEmpty { hasLostLive = false }
        // One that has not begun does for both, and there are never more than the session has subscriptions.
        requests.removeAll { $0.filter == request.filter }
        lastSerial += 1
        requests.append(request)
        requests[requests.count - 1].serial = lastSerial
        return lastSerial
    }

    /// Requests up to this one may begin.
    mutating func ready(upTo serial: UInt64, _ fence: RetainedFence) {
        for index in requests.indices where requests[index].serial <= serial && requests[index].fence == nil {
            requests[index].fence = fence
        }
        mustSettle = true
    }

    /// There is nothing to be found for requests up to this one.
    mutating func discard(upTo serial: UInt64) { requests.removeAll { $0.serial <= serial } }

    /// The subscription is gone.
    mutating func remove(_ filter: TopicFilter) {
        requests.removeAll { $0.filter == filter }
        if walking?.request.filter == filter { walking = nil }
        found.removeSubrange(..<foundStart)
        foundStart = 0
        found.removeAll { $0.request.filter == filter }
    }

    // MARK: Steps

    /// - Parameter limit: of messages.
    mutating func nextStep(limit: Int) -> Step {
        precondition(limit > 0)
        if foundStart == found.count, walking == nil { begin(limit: limit) }
        if foundStart < found.count { return .messages(found[foundStart...].prefix(limit).map(\.topic)) }
        guard let walking else { return .nothing }
        return .topics(
            Walk(
                filter: walking.request.filter, serial: walking.request.serial, position: walking.position,
                end: walking.end))
    }

    /// Takes up the next request with wildcards, or as many as possible without.
    private mutating func begin(limit: Int) {
        found = []
        foundStart = 0
        var taken = 0
        while taken < requests.count, requests[taken].fence != nil, found.count < limit {
            let request = requests[taken]
            guard request.filter.hasWildcards else {
                found.append(Candidate(topic: request.filter.bytes, request: request))
                taken += 1
                continue
            }
            guard taken == 0 else { break }
            if let parent = request.filter.literalParent { found = [Candidate(topic: parent, request: request)] }
            let range = RetainedRange(prefix: request.filter.literalPrefix)
            walking = (request, range.start, range.end)
            taken = 1
            break
        }
        requests.removeFirst(taken)
    }

    /// The answer to `.topics`.
    mutating func walked(_ serial: UInt64, _ page: RetainedTopics) {
        guard let request = walking?.request, request.serial == serial else { return }
        precondition(foundStart == found.count, "the next page comes when the last one is done with")
        found = page.topics.map { Candidate(topic: $0, request: request) }
        foundStart = 0
        if let next = page.next { walking?.position = next } else { walking = nil }
    }

    /// The next candidate, if something is known of its topic.
    func next(in answered: Set<[UInt8]>) -> Candidate? {
        guard foundStart < found.count, answered.contains(found[foundStart].topic) else { return nil }
        return found[foundStart]
    }

    /// Whether a message has come or will come to the session as a live one: then it does not come twice.
    func isLive(_ put: RetainedOverlay.Put, for request: Request) -> Bool {
        guard let fence = request.fence, !hasLostLive else { return false }
        return put.number > fence.lastPuts[put.shard]
    }

    /// The next candidate is done with.
    mutating func advance() {
        foundStart += 1
        if foundStart == found.count {
            found = []
            foundStart = 0
        }
    }
}
