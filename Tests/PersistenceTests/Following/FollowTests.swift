import Testing
import Topics

@testable import Persistence

/// What the hub makes of conversations after their commit: words to search for, and mentions.
struct FollowTests {
    @Test func findsWords() async throws {
        try await SearchFixture.with { fixture, ids, group in
            try await fixture.domain.send("Grüße aus Köln, see example.com/docs", from: ids[0], to: group)
            try await fixture.domain.send("docs and more DOCUMENTS", from: ids[1], to: group)
            try await fixture.follow()
            #expect(try await fixture.found("docs", ids[1]) == [5, 4])
            #expect(try await fixture.found("DOC", ids[1]) == [5, 4])
            #expect(try await fixture.found("documents docs", ids[1]) == [5])
            #expect(try await fixture.found("köl", ids[1]) == [4])
            #expect(try await fixture.found("GRÜSSE", ids[1]) == [])
            #expect(try await fixture.found("GRÜßE KÖLN", ids[1]) == [4])
            #expect(try await fixture.found("example/com", ids[1]) == [4])
            #expect(try await fixture.found("doc more", ids[1]) == [])
            #expect(try await fixture.found("'); --", ids[1]) == [])
        }
    }

    @Test func whatIsForeignIsNotFound() async throws {
        try await SearchFixture.with { fixture, ids, group in
            let domain = fixture.domain
            let other = StoredTopic.group(try await domain.group(of: ids[2]))
            try await domain.send("secret", from: ids[0], to: group)
            try await domain.send("secret", from: ids[2], to: other)
            try await fixture.follow()
            #expect(try await fixture.found("secret", ids[1]) == [4])
            #expect(try await fixture.found("secret", ids[2]) == [2])
            #expect(try await fixture.found("secret", ids[1], in: other.address) == [])
            #expect(try await fixture.found("#\(other.id)", ids[1]) == [])
            _ = try await domain.groups.remove(ids[1], from: group.id, by: ids[0])
            #expect(try await fixture.found("secret", ids[1]) == [], "membership is asked when searching")
        }
    }

    @Test func pagesGoBackInTime() async throws {
        try await SearchFixture.with { fixture, ids, group in
            for _ in 0..<5 {
                fixture.domain.clock.advance(milliseconds: 1)
                try await fixture.domain.send("again", from: ids[0], to: group)
            }
            try await fixture.follow()
            let first = try await fixture.search.messages(
                matching: "again", in: nil, for: ids[1], beforeID: nil, limit: 2)
            #expect(first.entries.map(\.seq) == [8, 7] && first.before == first.entries[1].id)
            let second = try await fixture.search.messages(
                matching: "again", in: group.address, for: ids[1], beforeID: first.before, limit: 9)
            #expect(second.entries.map(\.seq) == [6, 5, 4] && second.before == nil)
        }
    }

    /// A common word is searched for piece by piece: pages may be short, and together they have everything once, the newest first.
    @Test func aCommonWordIsFoundByWalking() async throws {
        try await SearchFixture.with { fixture, ids, group in
            let domain = fixture.domain
            let second = StoredTopic.group(try await domain.group(of: ids[1])),
                foreign = try await domain.group(of: ids[2])
            var expected: [Int64: Int] = [group.id: 0, second.id: 0]
            for number in 0..<60 {
                // Now many in a millisecond, now days apart.
                if number % 7 == 0 { domain.clock.advance(milliseconds: Int64(number) * 7_200_000) }
                let topic = number % 3 == 0 ? second : group
                try await domain.send(number % 10 == 9 ? "rare" : "common", from: ids[1], to: topic)
                try await domain.send("common", from: ids[2], to: .group(foreign))
                if number % 10 != 9 { expected[topic.id]? += 1 }
            }
            try await fixture.follow()
            _ = try await domain.database.query("ANALYZE search_entries")
            for looks in [Int64(1), 5, 20, 1_000] {
                let search = SearchStore(context: domain.context, looksMax: looks)
                for (words, address, count) in [
                    ("comm", nil, 54), ("common", group.address, expected[group.id] ?? 0), ("o", second.address, 0),
                ] as [(String, TopicAddress?, Int)] {
                    var found: [Int64] = [], pages = 0
                    var before: Int64?
                    repeat {
                        let page = try await search.messages(
                            matching: words, in: address, for: ids[1], beforeID: before, limit: 7)
                        #expect(page.entries.count <= 7 && page.before.map { $0 < before ?? .max } ?? true)
                        found += page.entries.map(\.id)
                        before = page.before
                        pages += 1
                    } while before != nil && pages < 200
                    #expect(found.count == count && Set(found).count == count, "\(words) \(looks)")
                    #expect(found == found.sorted(by: >) && pages < 200)
                }
                let all = try await search.messages(
                    matching: "common", in: .group(foreign), for: ids[1], beforeID: nil, limit: 7)
                #expect(all.entries.isEmpty && all.before == nil)
            }
        }
    }

    @Test func whatIsTrimmedIsForgotten() async throws {
        try await SearchFixture.with { fixture, ids, group in
            for _ in 0..<3 { try await fixture.domain.send("old", from: ids[0], to: group) }
            try await fixture.follow()
            try await fixture.domain.trim(group, below: 6)
            #expect(try await fixture.found("old", ids[1]) == [6])
            #expect(try await fixture.count("SELECT count(*) FROM search_entries") == 1)
            _ = try await fixture.domain.groups.end(group.id, by: ids[0])
            #expect(try await fixture.count("SELECT count(*) FROM search_entries") == 0)
            #expect(try await fixture.count("SELECT count(*) FROM log_progress") == 0)
        }
    }

    @Test func aBacklogIsFollowedInSteps() async throws {
        try await SearchFixture.with { fixture, ids, group in
            for _ in 0..<250 { try await fixture.domain.send("much", from: ids[0], to: group) }
            let store = FollowStore(context: fixture.domain.context)
            #expect(try await store.unfollowed(after: 0).topics == [group.id])
            #expect(try await store.follow([group.id], entries: 100).map(\.topicID) == [group.id])
            let part = try await fixture.count("SELECT count(*) FROM search_entries")
            #expect(part > 0 && part < 251)
            try await fixture.follow()
            #expect(try await fixture.count("SELECT count(*) FROM search_entries") == 251)
            #expect(try await store.unfollowed(after: 0).topics == [])
        }
    }

    @Test func mentionsReachInboxesOnce() async throws {
        try await SearchFixture.with { fixture, ids, group in
            // Of four mentioned, the author, a stranger and nobody get none.
            try await fixture.mention([ids[0], ids[1], ids[2], 4711], from: ids[0], to: group)
            _ = fixture.domain.witness.takeEntries()
            try await fixture.follow()
            let told = fixture.domain.witness.takeEntries()
            let body = #"{"topic":"\#(group.address.name)","seq":4,"preview":"hey"}"#
            #expect(told.map(\.summary) == ["inbox/\(ids[1]) mention \(ids[0]) \(body)"])
            try await fixture.follow()
            #expect(fixture.domain.witness.takeEntries().isEmpty, "a sweep after a crash finds it done")
        }
    }

    @Test func aPreviewIsShort() {
        let text = String(repeating: "e\u{301}", count: 10_000)
        let suffix = Array(#","client_ref":"a","body":{"text":"\#(text)"}}"#.utf8)
        #expect(MessagePreview.text(ofSuffix: suffix).unicodeScalars.count == 100)
        #expect(MessagePreview.text(ofSuffix: Array(#","body":{"deleted":true}}"#.utf8)) == "")
    }
}

/// A group of users 0 and 1, and a stranger.
private struct SearchFixture {
    let domain: DomainFixture
    var search: SearchStore { SearchStore(context: domain.context) }

    static func with(_ body: (SearchFixture, [Int64], StoredTopic) async throws -> Void) async throws {
        try await DomainFixture.with { domain in
            let ids = try await domain.users("a", "b", "c")
            let group = try await domain.group(of: ids[0], [ids[1]])
            _ = try await domain.context.database.query("UPDATE log_following SET mentions_since = 0")
            // Its log begins with `created` and `added`.
            try await domain.send("first", from: ids[0], to: .group(group))
            try await body(SearchFixture(domain: domain), ids, .group(group))
        }
    }

    /// As the hub does after a start.
    func follow() async throws {
        let follower = LogFollower(store: FollowStore(context: domain.context), next: domain.witness) {
            Issue.record("\($0)")
        }
        var place: Int64? = 0
        while let from = place {
            place = try await follower.sweep(after: from)
            try await follower.followMoved()
        }
    }

    func found(_ query: String, _ reader: Int64, in address: TopicAddress? = nil) async throws -> [Int64] {
        try await search.messages(matching: query, in: address, for: reader, beforeID: nil, limit: 50).entries.map(
            \.seq)
    }

    func count(_ sql: StaticString) async throws -> Int64 { try await domain.database.query(sql).int(0, 0) }

    func mention(_ users: [Int64], from sender: Int64, to topic: StoredTopic) async throws {
        let context = domain.context
        try await context.change { transaction in
            let entry = context.entry(in: topic, by: sender, .message) { body in
                body.name("text")
                body.string("hey")
                body.name("mentions")
                body.beginArray()
                for user in users { body.id(user) }
                body.endArray()
            }
            _ = try await transaction.append([entry])
            return Change(result: ())
        }
    }
}
