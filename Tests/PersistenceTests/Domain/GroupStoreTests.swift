import Testing
import Topics

@testable import Persistence

/// Groups: who may what, and what is announced.
struct GroupStoreTests {
    @Test func creationIsAnnounced() async throws {
        try await DomainFixture.with { fixture in
            let ids = try await fixture.users("a", "b")
            try await fixture.befriend(ids[0], ids[1])
            _ = fixture.witness.takeEntries()
            let outcome = try await fixture.groups.create(
                name: "Ünited", announcement: true, ownerID: ids[0], friendIDs: [ids[1]])
            guard case .created(let group) = outcome else {
                Issue.record("\(outcome)")
                return
            }
            let entries = fixture.witness.takeEntries()
            let (g, a, b) = (group.id, ids[0], ids[1])
            let seen = """
                {"id":"\(g)","topic":"group/\(g)","name":"Ünited","owner_id":"\(a)","my_role":"member",\
                "member_count":2,"announcement":true,"created_at":"2027-01-15T08:00:00.000Z"}
                """
            #expect(
                entries.map(\.summary) == [
                    "group/\(g) group \(a) {\"op\":\"created\",\"name\":\"Ünited\",\"announcement\":true}",
                    "group/\(g) member \(a) {\"op\":\"added\",\"user_id\":\"\(b)\",\"role\":\"member\"}",
                    "inbox/\(b) group_added \(a) {\"group\":\(seen),\"role\":\"member\"}",
                ])
            #expect(
                entries.map(\.change) == [
                    .memberAdded(user: a, role: .owner, announcement: true),
                    .memberAdded(user: b, role: .member, announcement: true), nil,
                ])
        }
    }

    @Test func onlyFriendsComeAlong() async throws {
        try await DomainFixture.with { fixture in
            let ids = try await fixture.users("a", "b", "c")
            try await fixture.befriend(ids[0], ids[1])
            let outcome = try await fixture.groups.create(
                name: "x", announcement: false, ownerID: ids[0], friendIDs: [ids[1], ids[2], 4711])
            guard case .notFriends(let strangers) = outcome else {
                Issue.record("\(outcome)")
                return
            }
            #expect(strangers == [ids[2], 4711])
            #expect(try await fixture.groups.groups(of: ids[0], after: 0, limit: 9).isEmpty)
        }
    }

    @Test func addTellsOfEach() async throws {
        try await DomainFixture.with { fixture in
            let ids = try await fixture.users("owner", "friend", "stranger")
            let group = try await fixture.group(of: ids[0])
            try await fixture.befriend(ids[0], ids[1])
            _ = fixture.witness.takeEntries()
            let outcome = try await fixture.groups.add([ids[1], ids[0], ids[2], 4711], to: group, by: ids[0])
            #expect(outcome.name == "done")
            if case .done(let statuses) = outcome {
                #expect(statuses == [.added, .alreadyMember, .notFriend, .notFound])
            }
            #expect(fixture.witness.takeEntries().map(\.kind) == [.member, .groupAdded])
            #expect(try await fixture.groups.group(group, for: ids[1])?.memberCount == 2)
        }
    }

    @Test func fullGroupsTakeNobody() async throws {
        try await DomainFixture.with { fixture in
            let ids = try await fixture.users("owner", "friend")
            let group = try await fixture.group(of: ids[0])
            try await fixture.befriend(ids[0], ids[1])
            _ = try await fixture.database.query(
                "UPDATE groups SET member_count = $2 WHERE id = $1", [.int(group), .int(GroupStore.membersMax)])
            let outcome = try await fixture.groups.add([ids[1]], to: group, by: ids[0])
            if case .done(let statuses) = outcome { #expect(statuses == [.full]) } else { Issue.record("\(outcome)") }
        }
    }

    /// Who may do what: owner 0, admin 1, member 2, another admin 3, another member 4, somebody else 5.
    struct Right: Sendable {
        enum Deed: Sendable {
            case rename, add, end, leave
            case remove(Int)
            case role(Int, GroupRole)
        }

        var actor: Int
        var deed: Deed
        var outcome: String
        init(_ actor: Int, _ deed: Deed, _ outcome: String) {
            self.actor = actor
            self.deed = deed
            self.outcome = outcome
        }
    }

    static let rights: [Right] = [
        Right(0, .rename, "done"), Right(1, .rename, "done"), Right(2, .rename, "forbidden"),
        Right(5, .rename, "notFound"),
        Right(0, .add, "done"), Right(1, .add, "done"), Right(2, .add, "forbidden"), Right(5, .add, "notFound"),
        Right(0, .end, "done"), Right(1, .end, "forbidden"), Right(2, .end, "forbidden"), Right(5, .end, "notFound"),
        Right(0, .leave, "lastOwner"), Right(1, .leave, "done"), Right(2, .leave, "done"), Right(5, .leave, "notFound"),
        Right(0, .remove(1), "done"), Right(0, .remove(2), "done"), Right(0, .remove(0), "lastOwner"),
        Right(0, .remove(5), "noSuchMember"), Right(1, .remove(0), "forbidden"), Right(1, .remove(3), "forbidden"),
        Right(1, .remove(2), "done"), Right(1, .remove(1), "done"), Right(2, .remove(4), "forbidden"),
        Right(2, .remove(2), "done"), Right(5, .remove(2), "notFound"), Right(5, .remove(5), "notFound"),
        Right(0, .role(2, .admin), "done"), Right(0, .role(1, .member), "done"), Right(0, .role(2, .owner), "done"),
        Right(0, .role(2, .member), "done"), Right(0, .role(0, .owner), "done"),
        Right(0, .role(0, .admin), "lastOwner"), Right(0, .role(5, .admin), "noSuchMember"),
        Right(1, .role(2, .admin), "forbidden"), Right(2, .role(2, .admin), "forbidden"),
        Right(5, .role(2, .admin), "notFound"),
    ]

    @Test(arguments: rights) func mayOrMayNot(right: Right) async throws {
        try await DomainFixture.with { fixture in
            let ids = try await fixture.users("owner", "admin", "member", "admin2", "member2", "else")
            let group = try await fixture.group(of: ids[0], Array(ids[1...4]))
            for admin in [1, 3] {
                _ = try await fixture.groups.setRole(.admin, of: ids[admin], in: group, by: ids[0])
            }
            _ = fixture.witness.takeEntries()
            let actor = ids[right.actor]
            let outcome: String =
                switch right.deed {
                case .rename:
                    try await fixture.groups.update(
                        group, GroupStore.Update(name: "new"), by: actor, ifVersionIn: nil
                    ).name
                case .add: try await fixture.groups.add([ids[5]], to: group, by: actor).name
                case .end: try await fixture.groups.end(group, by: actor).name
                case .leave: try await fixture.groups.leave(group, by: actor).name
                case .remove(let other): try await fixture.groups.remove(ids[other], from: group, by: actor).name
                case .role(let other, let role):
                    try await fixture.groups.setRole(role, of: ids[other], in: group, by: actor).name
                }
            #expect(outcome == right.outcome)
            if right.outcome != "done" { #expect(fixture.witness.takeEntries().isEmpty) }
        }
    }

    @Test func changesAreAnnouncedOnce() async throws {
        try await DomainFixture.with { fixture in
            let ids = try await fixture.users("a", "b")
            let group = try await fixture.group(of: ids[0], [ids[1]])
            let update = GroupStore.Update(name: "new", announcement: true)
            let first = try await fixture.groups.update(group, update, by: ids[0], ifVersionIn: [1])
            #expect(first.name == "done")
            #expect(
                fixture.witness.takeEntries().map(\.summary) == [
                    "group/\(group) group \(ids[0]) {\"op\":\"renamed\",\"name\":\"new\"}",
                    "group/\(group) group \(ids[0]) {\"op\":\"announcement\",\"announcement\":true}",
                ])
            #expect(try await fixture.groups.update(group, update, by: ids[0], ifVersionIn: [1]).name == "stale")
            #expect(try await fixture.groups.update(group, update, by: ids[0], ifVersionIn: [2, 5]).name == "done")
            #expect(fixture.witness.takeEntries().isEmpty, "nothing changed")
            let topic = StoredTopic.group(group)
            let right = try await fixture.directory.publishRight(of: ids[1], on: topic.address)
            #expect(right == .announcementOnly(topic))
            #expect(
                try await fixture.directory.publishRight(of: ids[0], on: topic.address)
                    == .allowed(topic, mayDeleteOthers: true))
        }
    }

    @Test func leavingAndRemovalAreAnnounced() async throws {
        try await DomainFixture.with { fixture in
            let ids = try await fixture.users("a", "b", "c")
            let group = try await fixture.group(of: ids[0], [ids[1], ids[2]])
            _ = try await fixture.groups.remove(ids[1], from: group, by: ids[0])
            _ = try await fixture.groups.leave(group, by: ids[2])
            let (g, a, b, c) = (group, ids[0], ids[1], ids[2])
            let entries = fixture.witness.takeEntries()
            #expect(
                entries.map(\.summary) == [
                    "group/\(g) member \(a) {\"op\":\"removed\",\"user_id\":\"\(b)\"}",
                    "inbox/\(b) group_removed \(a) {\"group_id\":\"\(g)\",\"reason\":\"removed\"}",
                    "group/\(g) member \(c) {\"op\":\"left\",\"user_id\":\"\(c)\"}",
                    "inbox/\(c) group_removed \(c) {\"group_id\":\"\(g)\",\"reason\":\"removed\"}",
                ])
            #expect(entries.compactMap(\.change) == [.memberRemoved(user: b), .memberRemoved(user: c)])
            for who in [b, c] {
                #expect(try await fixture.history.page(of: .group(g), for: who, .before(nil), limit: 9) == nil)
                #expect(try await fixture.groups.members(of: g, for: who, after: 0, limit: 9) == nil)
                #expect(try await fixture.directory.publishRight(of: who, on: .group(g)) == .notFound)
            }
            let members = try await fixture.groups.members(of: g, for: a, after: 0, limit: 9)
            #expect(members?.map(\.role) == [.owner])
        }
    }

    @Test func ownershipPassesOn() async throws {
        try await DomainFixture.with { fixture in
            let ids = try await fixture.users("a", "b")
            let group = try await fixture.group(of: ids[0], [ids[1]])
            _ = try await fixture.groups.setRole(.owner, of: ids[1], in: group, by: ids[0])
            let entries = fixture.witness.takeEntries()
            #expect(
                entries.map(\.change) == [
                    .roleChanged(user: ids[0], role: .admin), .roleChanged(user: ids[1], role: .owner),
                ])
            let seen = try #require(try await fixture.groups.group(group, for: ids[1]))
            #expect(seen.ownerID == ids[1] && seen.myRole == .owner && seen.memberCount == 2)
            #expect(try await fixture.groups.leave(group, by: ids[0]).name == "done")
            #expect(
                try await fixture.groups.leave(group, by: ids[1]).name == "done", "alone, its leaving ends the group")
            #expect(try await fixture.groups.group(group, for: ids[1]) == nil)
        }
    }

    @Test func theEndErasesTheLog() async throws {
        try await DomainFixture.with { fixture in
            let ids = try await fixture.users("a", "b")
            let group = try await fixture.group(of: ids[0], [ids[1]])
            try await fixture.send("secret", from: ids[1], to: .group(group))
            #expect(try await fixture.history.markRead(.group(group), upTo: 1, by: ids[0]))
            #expect(try await fixture.groups.end(group, by: ids[0]).name == "done")
            let entries = fixture.witness.takeEntries()
            #expect(entries.map(\.topic) == [.group(group), .inbox(of: ids[0]), .inbox(of: ids[1])])
            #expect(entries.first?.change == .groupEnded)
            let left = try await fixture.database.query(
                """
                SELECT (SELECT count(*) FROM messages WHERE topic_id = $1) + (SELECT count(*) FROM topics WHERE id = $1)
                    + (SELECT count(*) FROM members WHERE group_id = $1) + (SELECT count(*) FROM groups WHERE id = $1)
                    + (SELECT count(*) FROM read_marks WHERE topic_id = $1)
                """, [.int(group)])
            #expect(left.int(0, 0) == 0)
        }
    }
}

extension GroupStore.Outcome {
    var name: String {
        switch self {
        case .done: "done"
        case .notFound: "notFound"
        case .forbidden: "forbidden"
        case .stale: "stale"
        case .attachmentMissing: "attachmentMissing"
        case .lastOwner: "lastOwner"
        case .noSuchMember: "noSuchMember"
        }
    }
}
