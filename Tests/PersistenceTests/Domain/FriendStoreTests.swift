import Testing
import Topics

@testable import Persistence

/// Friends, requests and blocks in the database.
struct FriendStoreTests {
    /// Who does what; `a` signed up before `b`, so has the lower id.
    struct Step: Sendable {
        var actor: String
        var event: Relationship.Event
        init(_ actor: String, _ event: Relationship.Event) {
            self.actor = actor
            self.event = event
        }
    }

    struct Case: Sendable {
        var name: String
        var steps: [Step]
        /// What the last step is answered.
        var verdict: Relationship.Verdict
        /// Kinds of the entries in the inboxes of a and of b.
        var inboxes: [[EntryKind]] = [[], []]
        var areFriends = false
        /// Whether a and b see an incoming request, whether an outgoing one.
        var incoming = [false, false]
        var outgoing = [false, false]
    }

    static let cases: [Case] = [
        Case(
            name: "asked", steps: [Step("a", .add)], verdict: .pending(isNew: true), inboxes: [[], [.friendRequest]],
            incoming: [false, true], outgoing: [true, false]),
        Case(
            name: "asked twice", steps: [Step("a", .add), Step("a", .add)], verdict: .pending(isNew: false),
            inboxes: [[], [.friendRequest]], incoming: [false, true], outgoing: [true, false]),
        Case(
            name: "accepted", steps: [Step("b", .add), Step("a", .accept)], verdict: .friends,
            inboxes: [[.friendRequest, .friendAccepted], [.friendAccepted]], areFriends: true),
        Case(
            name: "accepted again", steps: [Step("a", .add), Step("b", .accept), Step("b", .accept)],
            verdict: .friends, inboxes: [[.friendAccepted], [.friendRequest, .friendAccepted]], areFriends: true),
        Case(
            name: "crossing", steps: [Step("a", .add), Step("b", .add)], verdict: .friends,
            inboxes: [[.friendAccepted], [.friendRequest, .friendAccepted]], areFriends: true),
        Case(
            name: "declined, asked again", steps: [Step("a", .add), Step("b", .decline), Step("a", .add)],
            verdict: .pending(isNew: true), inboxes: [[], [.friendRequest, .friendRequest]],
            incoming: [false, true], outgoing: [true, false]),
        Case(
            name: "cancelled, accepted too late", steps: [Step("a", .add), Step("a", .cancel), Step("b", .accept)],
            verdict: .noSuchRequest, inboxes: [[], [.friendRequest]]),
        Case(
            name: "removed", steps: [Step("a", .add), Step("b", .accept), Step("a", .remove), Step("a", .remove)],
            verdict: .done,
            inboxes: [[.friendAccepted, .friendRemoved], [.friendRequest, .friendAccepted, .friendRemoved]]),
        Case(
            name: "blocked friend", steps: [Step("a", .add), Step("b", .accept), Step("b", .block)], verdict: .done,
            inboxes: [[.friendAccepted, .friendRemoved], [.friendRequest, .friendAccepted, .friendRemoved]]),
        Case(
            name: "blocked asker", steps: [Step("a", .add), Step("b", .block)], verdict: .done,
            inboxes: [[], [.friendRequest]]),
        Case(
            name: "asked who blocks", steps: [Step("b", .block), Step("a", .add)], verdict: .pending(isNew: true),
            outgoing: [true, false]),
        Case(
            name: "unblocked: the hidden request is gone",
            steps: [Step("b", .block), Step("a", .add), Step("b", .unblock), Step("b", .add)],
            verdict: .pending(isNew: true), inboxes: [[.friendRequest], []], incoming: [true, false],
            outgoing: [false, true]),
        Case(
            name: "adds whom it blocks", steps: [Step("a", .block), Step("a", .add)], verdict: .blocking),
        Case(
            name: "accepts what went nowhere", steps: [Step("b", .block), Step("a", .add), Step("b", .accept)],
            verdict: .noSuchRequest, outgoing: [true, false]),
    ]

    @Test(arguments: cases) func plays(sample: Case) async throws {
        try await DomainFixture.with { fixture in
            let ids = try await fixture.users("a", "b")
            var answer: FriendStore.Answer?
            for step in sample.steps {
                let me = step.actor == "a" ? 0 : 1
                answer = try await fixture.friends.handle(step.event, by: ids[me], with: ids[1 - me])
            }
            #expect(answer?.verdict == sample.verdict)
            let entries = fixture.witness.takeEntries()
            for me in 0...1 {
                let mine = entries.filter { $0.topic == .inbox(of: ids[me]) }
                #expect(mine.map(\.kind) == sample.inboxes[me])
                #expect(mine.map(\.seq) == mine.indices.map { Int64($0) + 1 })
                let stored = try await fixture.history.page(
                    of: .inbox(user: ids[me]), for: ids[me], .after(0), limit: 100)
                #expect(stored?.entries.map(\.kind) == sample.inboxes[me], "what was announced is stored")
                let requests = try await fixture.friends.requests(of: ids[me])
                #expect(!requests.incoming.isEmpty == sample.incoming[me])
                #expect(!requests.outgoing.isEmpty == sample.outgoing[me])
                let list = try await fixture.friends.friends(of: ids[me], after: 0, limit: 10)
                #expect(list.map(\.user.id) == (sample.areFriends ? [ids[1 - me]] : []))
            }
        }
    }

    @Test func crossingRequestsAtTheSameMomentMeet() async throws {
        try await DomainFixture.with { fixture in
            for round in 0..<10 {
                let ids = try await fixture.users("a\(round)", "b\(round)")
                async let one = fixture.friends.handle(.add, by: ids[0], with: ids[1])
                async let other = fixture.friends.handle(.add, by: ids[1], with: ids[0])
                let verdicts = [try await one?.verdict, try await other?.verdict]
                #expect(verdicts.contains(.friends) && verdicts.contains(.pending(isNew: true)))
                let friends = try await fixture.friends.friends(of: ids[0], after: 0, limit: 10)
                #expect(friends.count == 1)
            }
        }
    }

    @Test func entriesSayWhatProtocolSays() async throws {
        try await DomainFixture.with { fixture in
            let ids = try await fixture.users("anna", "bert")
            let (anna, bert) = (ids[0], ids[1])
            _ = try await fixture.friends.handle(.add, by: anna, with: bert)
            _ = try await fixture.friends.handle(.accept, by: bert, with: anna)
            _ = try await fixture.friends.handle(.remove, by: anna, with: bert)
            let entries = fixture.witness.takeEntries()
            let topic = "direct/\(anna)/\(bert)"
            func user(_ id: Int64, _ name: String) -> String {
                """
                {"id":"\(id)","username":"\(name)","display_name":"\(name)",\
                "created_at":"2027-01-15T08:00:00.000Z","direct_topic":"\(topic)"}
                """
            }
            #expect(
                entries.map(\.summary) == [
                    "inbox/\(bert) friend_request \(anna) {\"user\":\(user(anna, "anna"))}",
                    "inbox/\(bert) friend_accepted \(bert) {\"user\":\(user(anna, "anna")),\"topic\":\"\(topic)\"}",
                    "inbox/\(anna) friend_accepted \(bert) {\"user\":\(user(bert, "bert")),\"topic\":\"\(topic)\"}",
                    "inbox/\(anna) friend_removed \(anna) {\"user_id\":\"\(bert)\"}",
                    "inbox/\(bert) friend_removed \(anna) {\"user_id\":\"\(anna)\"}",
                ])
            let rights = try #require(try await fixture.directory.loadRights(userID: anna))
            let topicID = try #require(rights.directs.first).topicID
            #expect(
                entries.map(\.change) == [
                    nil, .friendAdded(friend: anna, topicID: topicID, lastSeq: 0),
                    .friendAdded(friend: bert, topicID: topicID, lastSeq: 0), .friendRemoved(friend: bert),
                    .friendRemoved(friend: anna),
                ])
        }
    }

    @Test func theTopicOutlivesTheFriendship() async throws {
        try await DomainFixture.with { fixture in
            let ids = try await fixture.users("a", "b")
            try await fixture.befriend(ids[0], ids[1])
            let first = try #require(try await fixture.directory.loadRights(userID: ids[0])?.directs.first)
            #expect(first.writable && first.otherID == ids[1])
            let topic = StoredTopic.direct(ids[0], ids[1], id: first.topicID)
            try await fixture.send("hi", from: ids[0], to: topic)
            _ = try await fixture.friends.handle(.remove, by: ids[1], with: ids[0])
            let parted = try #require(try await fixture.directory.loadRights(userID: ids[1])?.directs.first)
            #expect(parted == UserRights.Direct(otherID: ids[0], topicID: first.topicID, lastSeq: 1, writable: false))
            #expect(try await fixture.directory.publishRight(of: ids[0], on: topic.address) == .notFriends)
            let page = try await fixture.history.page(of: topic.address, for: ids[1], .before(nil), limit: 10)
            #expect(page?.entries.count == 1)
            _ = fixture.witness.takeEntries()
            try await fixture.befriend(ids[1], ids[0])
            let changes = fixture.witness.takeEntries().compactMap(\.change)
            #expect(changes.contains(.friendAdded(friend: ids[1], topicID: first.topicID, lastSeq: 1)))
            #expect(
                try await fixture.directory.publishRight(of: ids[0], on: topic.address)
                    == .allowed(topic, mayDeleteOthers: false))
        }
    }

    @Test func strangersAndTheUnknown() async throws {
        try await DomainFixture.with { fixture in
            let ids = try await fixture.users("a", "b", "c")
            #expect(try await fixture.friends.handle(.add, by: ids[0], with: 4711) == nil)
            try await fixture.befriend(ids[0], ids[1])
            let address = TopicAddress.direct(between: ids[0], and: ids[1])
            #expect(try await fixture.directory.publishRight(of: ids[2], on: address) == .notFound)
            #expect(try await fixture.history.page(of: address, for: ids[2], .before(nil), limit: 10) == nil)
            #expect(
                try await fixture.directory.publishRight(of: ids[2], on: .direct(between: ids[2], and: ids[0]))
                    == .notFriends)
            #expect(
                try await fixture.directory.publishRight(of: ids[2], on: .direct(between: ids[2], and: 1)) == .notFound)
        }
    }
}
