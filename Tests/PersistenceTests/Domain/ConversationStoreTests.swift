import Testing
import Topics

@testable import Persistence

/// Lists of conversations, unread counts, history, rights.
struct ConversationStoreTests {
    /// What happens in a group of owner 0 and members 1 and 2, and what is unread for each afterwards.
    struct Case: Sendable {
        enum Step: Sendable {
            case send(Int)
            case read(Int, upTo: Int64)
            case rename
            /// Deletes what is below.
            case trim(Int64)
        }

        var name: String
        var steps: [Step]
        var unread: [Int64]
    }

    /// The log begins with `created` and two `added`: the first message has seq 4.
    static let cases: [Case] = [
        Case(name: "nothing", steps: [], unread: [0, 0, 0]),
        Case(name: "one message", steps: [.send(0)], unread: [0, 1, 1]),
        Case(name: "others' entries do not count", steps: [.rename, .send(0), .rename], unread: [0, 1, 1]),
        Case(name: "sending moves one's own mark", steps: [.send(0), .send(1), .send(0)], unread: [0, 1, 3]),
        Case(name: "reading", steps: [.send(0), .send(0), .read(1, upTo: 4), .read(2, upTo: 5)], unread: [0, 1, 0]),
        Case(
            name: "never back", steps: [.send(0), .send(0), .read(1, upTo: 5), .read(1, upTo: 4)], unread: [0, 0, 2]),
        Case(
            name: "beyond the end is the end", steps: [.send(0), .read(1, upTo: 4711), .send(0)], unread: [0, 1, 2]),
        Case(
            name: "reading below one's own message", steps: [.send(0), .send(1), .read(1, upTo: 4)], unread: [1, 0, 2]),
        Case(
            name: "what is gone is not unread",
            steps: [.send(0), .send(0), .rename, .send(0), .read(1, upTo: 4), .trim(5)], unread: [0, 2, 2]),
        Case(
            name: "it begins with another entry", steps: [.send(0), .rename, .send(0), .trim(5), .send(2)],
            unread: [1, 2, 0]),
        Case(
            name: "one's mark is gone, and its own message",
            steps: [.send(1), .send(0), .send(0), .read(2, upTo: 5), .trim(6)], unread: [0, 1, 1]),
        Case(
            name: "the mark stands before what is left", steps: [.send(0), .send(0), .read(1, upTo: 4), .trim(5)],
            unread: [0, 1, 1]),
        Case(name: "all is gone", steps: [.send(0), .send(0), .trim(9)], unread: [0, 0, 0]),
        Case(name: "and new comes", steps: [.send(0), .send(0), .trim(9), .send(0), .send(1)], unread: [1, 0, 2]),
    ]

    @Test(arguments: cases) func counts(sample: Case) async throws {
        try await DomainFixture.with { fixture in
            let ids = try await fixture.users("a", "b", "c")
            let group = try await fixture.group(of: ids[0], [ids[1], ids[2]])
            for (index, step) in sample.steps.enumerated() {
                switch step {
                case .send(let sender): try await fixture.send("\(index)", from: ids[sender], to: .group(group))
                case .read(let reader, let seq):
                    #expect(try await fixture.history.markRead(.group(group), upTo: seq, by: ids[reader]))
                case .rename:
                    _ = try await fixture.groups.update(
                        group, GroupStore.Update(name: "name \(index)"), by: ids[0], ifVersionIn: nil)
                case .trim(let seq): try await fixture.trim(.group(group), below: seq)
                }
            }
            for (reader, expected) in zip(ids, sample.unread) {
                let list = try await fixture.conversations.conversations(of: reader, after: .start, limit: 10)
                let conversation = try #require(list.first { $0.topic == .group(group) })
                #expect(conversation.unread == expected)
            }
        }
    }

    @Test func newMembersStartWithNothingUnread() async throws {
        try await DomainFixture.with { fixture in
            let ids = try await fixture.users("a", "b")
            let group = try await fixture.group(of: ids[0])
            try await fixture.send("before", from: ids[0], to: .group(group))
            try await fixture.befriend(ids[0], ids[1])
            _ = try await fixture.groups.add([ids[1]], to: group, by: ids[0])
            let list = try await fixture.conversations.conversations(of: ids[1], after: .start, limit: 10)
            let conversation = try #require(list.first { $0.topic == .group(group) })
            #expect(conversation.unread == 0 && conversation.readSeq == 2 && conversation.lastSeq == 3)
            #expect(conversation.lastMessage?.seq == 2)
        }
    }

    @Test func newestFirstInPages() async throws {
        try await DomainFixture.with { fixture in
            let ids = try await fixture.users("a", "b", "c", "d")
            var topics: [StoredTopic] = []
            for friend in ids[1...] {
                try await fixture.befriend(ids[0], friend)
                let rights = try #require(try await fixture.directory.loadRights(userID: friend))
                topics.append(.direct(ids[0], friend, id: rights.directs[0].topicID))
            }
            for topic in topics.reversed() { try await fixture.send("x", from: ids[0], to: topic) }
            _ = try await fixture.friends.handle(.remove, by: ids[0], with: ids[2])
            var found: [Conversation] = []
            var cursor = ConversationStore.Cursor.start
            for _ in 0..<5 {
                let page = try await fixture.conversations.conversations(of: ids[0], after: cursor, limit: 2)
                found += page
                guard let last = page.last else { break }
                cursor = last.cursor
            }
            #expect(found.map(\.topic) == topics)
            #expect(found.map(\.writable) == [true, false, true])
        }
    }

    @Test func pagesOfHistory() async throws {
        try await DomainFixture.with { fixture in
            let ids = try await fixture.users("a", "b")
            let group = try await fixture.group(of: ids[0], [ids[1]])  // two entries
            for number in 3...7 { try await fixture.send("\(number)", from: ids[0], to: .group(group)) }
            let table: [(HistoryStore.Position, Int, [EntryKind]?, [Int64], Bool)] = [
                (.before(nil), 3, nil, [5, 6, 7], true), (.before(5), 3, nil, [2, 3, 4], true),
                (.before(2), 3, nil, [1], false), (.before(1), 3, nil, [], false),
                (.before(nil), 7, nil, [1, 2, 3, 4, 5, 6, 7], false), (.after(0), 3, nil, [1, 2, 3], true),
                (.after(4), 3, nil, [5, 6, 7], false), (.after(7), 3, nil, [], false),
                (.before(4), 9, [.message], [3], false), (.after(0), 2, [.message], [3, 4], true),
                (.before(nil), 9, [.group, .member], [1, 2], false),
            ]
            for (position, limit, kinds, seqs, hasMore) in table {
                let page = try #require(
                    try await fixture.history.page(of: .group(group), for: ids[1], position, limit: limit, kinds: kinds)
                )
                #expect(page.entries.map(\.seq) == seqs, "\(position)")
                #expect(page.hasMore == hasMore, "\(position)")
                #expect(page.firstSeq == 1 && page.lastSeq == 7)
            }
            #expect(try await fixture.history.entry(3, of: .group(group), for: ids[1])?.kind == .message)
            #expect(try await fixture.history.entry(8, of: .group(group), for: ids[1]) == nil)
        }
    }

    /// A log that has lost its beginning: pages, single entries, marks and lists go on with what is there.
    @Test func trimmed() async throws {
        try await DomainFixture.with { fixture in
            let ids = try await fixture.users("a", "b", "c")
            let group = try await fixture.group(of: ids[0], [ids[1]])  // two entries
            for number in 3...7 { try await fixture.send("\(number)", from: ids[0], to: .group(group)) }
            try await fixture.trim(.group(group), below: 5)
            let table: [(HistoryStore.Position, Int, [Int64], Bool)] = [
                (.before(nil), 9, [5, 6, 7], false), (.before(7), 1, [6], true), (.before(5), 9, [], false),
                (.before(3), 9, [], false), (.after(0), 2, [5, 6], true), (.after(4), 9, [5, 6, 7], false),
            ]
            for (position, limit, seqs, hasMore) in table {
                let page = try #require(
                    try await fixture.history.page(of: .group(group), for: ids[1], position, limit: limit))
                #expect(page.entries.map(\.seq) == seqs && page.hasMore == hasMore, "\(position)")
                #expect(page.firstSeq == 5 && page.lastSeq == 7 && page.readSeq == 4)
            }
            #expect(try await fixture.history.entry(4, of: .group(group), for: ids[1]) == nil)
            #expect(try await fixture.history.markRead(.group(group), upTo: 2, by: ids[1]))
            var conversation = try #require(try await fixture.conversation(group, of: ids[1]))
            #expect(conversation.readSeq == 4 && conversation.unread == 3 && conversation.lastMessage?.seq == 7)

            try await fixture.befriend(ids[0], ids[2])
            _ = try await fixture.groups.add([ids[2]], to: group, by: ids[0])
            let added = fixture.witness.takeEntries().compactMap(\.change).last { $0.isAboutGroups }
            #expect(added == .memberAdded(user: ids[2], role: .member, announcement: false, firstSeq: 5))
            #expect(try await fixture.directory.loadRights(userID: ids[2])?.groups.first?.firstSeq == 5)

            try await fixture.trim(.group(group), below: 9)
            let page = try #require(
                try await fixture.history.page(of: .group(group), for: ids[1], .after(0), limit: 9))
            #expect(page.entries.isEmpty && page.firstSeq == 9 && page.lastSeq == 8)
            conversation = try #require(try await fixture.conversation(group, of: ids[1]))
            #expect(conversation.readSeq == 8 && conversation.unread == 0 && conversation.lastMessage == nil)
        }
    }

    @Test func trimmedInboxesAndConversationsOfTwo() async throws {
        try await DomainFixture.with { fixture in
            let ids = try await fixture.users("a", "b")
            try await fixture.befriend(ids[0], ids[1])
            let direct = try #require(try await fixture.directory.loadRights(userID: ids[0])?.directs.first)
            for _ in 0..<3 {
                try await fixture.send("x", from: ids[0], to: .direct(ids[0], ids[1], id: direct.topicID))
            }
            try await fixture.trim(.direct(ids[0], ids[1], id: direct.topicID), below: 3)
            try await fixture.trim(.inbox(of: ids[1]), below: 2)
            let rights = try #require(try await fixture.directory.loadRights(userID: ids[1]))
            #expect(rights.inboxFirstSeq == 2 && rights.inboxLastSeq == 2)
            #expect(rights.directs.map(\.firstSeq) == [3])
        }
    }

    /// An id under the wrong kind of topic opens nothing.
    @Test func kindsOfTopicsDoNotMix() async throws {
        try await DomainFixture.with { fixture in
            let ids = try await fixture.users("a", "b")
            let group = try await fixture.group(of: ids[0], [ids[1]])
            let addresses: [TopicAddress] = [
                .group(ids[0]), .inbox(user: group), .inbox(user: ids[1]), .direct(low: 1, high: ids[0]),
            ]
            for address in addresses {
                #expect(try await fixture.history.page(of: address, for: ids[0], .before(nil), limit: 9) == nil)
                #expect(try await fixture.history.entry(1, of: address, for: ids[0]) == nil)
                #expect(try await !fixture.history.markRead(address, upTo: 1, by: ids[0]))
            }
        }
    }

    @Test func rightsInOneSnapshot() async throws {
        try await DomainFixture.with { fixture in
            let ids = try await fixture.users("a", "b")
            let group = try await fixture.group(of: ids[0], [ids[1]], announcement: true)
            let rights = try #require(try await fixture.directory.loadRights(userID: ids[1]))
            #expect(rights.userID == ids[1] && rights.username == "b")
            #expect(rights.isEnabled)
            #expect(rights.inboxLastSeq == 3)  // friend_request, friend_accepted, group_added
            #expect(
                rights.groups == [
                    UserRights.Group(
                        groupID: group, role: .member, announcement: true, lastSeq: 2, joinedSeq: 2, memberCount: 2)
                ])
            #expect(rights.directs.map(\.otherID) == [ids[0]])
            #expect(try await fixture.directory.loadRights(userID: 4711) == nil)
            _ = try await fixture.database.query("UPDATE users SET disabled_at = 1 WHERE id = $1", [.int(ids[1])])
            #expect(try await fixture.directory.loadRights(userID: ids[1])?.isEnabled == false)
        }
    }
}

extension RightsChange {
    fileprivate var isAboutGroups: Bool {
        if case .memberAdded = self { true } else { false }
    }
}
