import Testing
import Topics

@testable import Persistence

/// Who may load an attachment, and who may name it.
@Suite struct AttachmentNamingTests {
    /// anna owns the attachment; berta and clara are her friends; berta is in her group; dora knows nobody.
    private struct People {
        let anna, berta, clara, dora: Int64
        let group: StoredTopic
        let direct: StoredTopic
        let attachment: Int64

        init(_ fixture: AttachmentFixture) async throws {
            let ids = try await fixture.domain.users("anna", "berta", "clara", "dora")
            (anna, berta, clara, dora) = (ids[0], ids[1], ids[2], ids[3])
            group = .group(try await fixture.domain.group(of: anna, [berta]))
            try await fixture.domain.befriend(anna, clara)
            let right = try await fixture.domain.directory.publishRight(
                of: anna, on: .direct(between: anna, and: clara))
            guard case .allowed(let topic, _) = right else { throw DatabaseError.unavailable("\(right)") }
            direct = topic
            attachment = try await fixture.upload(anna)
        }

        func loaders(_ fixture: AttachmentFixture) async throws -> String {
            var names = ""
            for (name, id) in [("a", anna), ("b", berta), ("c", clara), ("d", dora)]
            where try await fixture.mayLoad(id, attachment) { names += name }
            return names
        }
    }

    @Test func readersOfAMessageThatNamesIt() async throws {
        try await AttachmentFixture.with { fixture in
            let people = try await People(fixture)
            #expect(try await people.loaders(fixture) == "a")
            #expect(await fixture.name([people.attachment], from: people.anna, in: people.group).seq != nil)
            #expect(try await people.loaders(fixture) == "ab")
            #expect(await fixture.name([people.attachment], from: people.anna, in: people.direct).seq == 1)
            #expect(try await people.loaders(fixture) == "abc")
            // Who leaves loses it; a conversation of two stays readable.
            _ = try await fixture.domain.groups.leave(people.group.id, by: people.berta)
            _ = try await fixture.domain.friends.handle(.remove, by: people.anna, with: people.clara)
            #expect(try await people.loaders(fixture) == "ac")
        }
    }

    /// Retention takes away what only old messages name.
    @Test func messagesThatNameItAreTrimmed() async throws {
        try await AttachmentFixture.with { fixture in
            let people = try await People(fixture)
            let first = await fixture.name([people.attachment], from: people.anna, in: people.group)
            let second = await fixture.name([people.attachment], from: people.anna, in: people.direct)
            #expect(second.seq == 1)
            try await fixture.domain.trim(people.group, below: try #require(first.seq) + 1)
            #expect(try await people.loaders(fixture) == "ac")
            try await fixture.domain.trim(people.direct, below: 2)
            #expect(try await people.loaders(fixture) == "")
            #expect(try await fixture.attachments.purge() == 1)
        }
    }

    @Test func everybodyWhileItIsAnAvatar() async throws {
        try await AttachmentFixture.with { fixture in
            let people = try await People(fixture)
            let users = fixture.domain.users
            let change = UserStore.ProfileChange(avatar: .set(people.attachment))
            #expect(try await users.updateProfile(people.dora, change, ifVersionIn: nil) == .attachmentMissing)
            guard case .done(let profile) = try await users.updateProfile(people.anna, change, ifVersionIn: [1]) else {
                throw DatabaseError.unavailable("not done")
            }
            #expect(profile.user.avatar == people.attachment && profile.version == 2)
            #expect(try await people.loaders(fixture) == "abcd")
            // Who can load it may show it, too.
            guard case .done = try await users.updateProfile(people.dora, change, ifVersionIn: nil) else {
                throw DatabaseError.unavailable("not done")
            }
            let same = try await users.updateProfile(people.anna, change, ifVersionIn: nil)
            #expect(same == .done(profile), "nothing changed")
            let none = UserStore.ProfileChange(avatar: .remove)
            _ = try await users.updateProfile(people.anna, none, ifVersionIn: nil)
            #expect(try await people.loaders(fixture) == "abcd", "it is still dora's")
            _ = try await users.updateProfile(people.dora, none, ifVersionIn: nil)
            #expect(try await people.loaders(fixture) == "a")
        }
    }

    @Test func membersWhileItIsTheGroupsPicture() async throws {
        try await AttachmentFixture.with { fixture in
            let people = try await People(fixture)
            let groups = fixture.domain.groups
            let update = GroupStore.Update(picture: .set(people.attachment))
            _ = fixture.domain.witness.takeEntries()
            _ = try await groups.update(people.group.id, update, by: people.anna, ifVersionIn: nil)
            #expect(try await people.loaders(fixture) == "ab")
            let entries = fixture.domain.witness.takeEntries().map(\.summary)
            #expect(
                entries == [
                    #"group/\#(people.group.id) group \#(people.anna) {"op":"picture","picture":"\#(people.attachment)"}"#
                ])
            guard
                case .done(let group) = try await groups.update(
                    people.group.id, GroupStore.Update(picture: .remove), by: people.anna, ifVersionIn: nil)
            else { throw DatabaseError.unavailable("not done") }
            #expect(group.picture == nil)
            #expect(try await people.loaders(fixture) == "a")
            let foreign = try await fixture.upload(people.dora)
            let refused = try await groups.update(
                people.group.id, GroupStore.Update(picture: .set(foreign)), by: people.anna, ifVersionIn: nil)
            guard case .attachmentMissing = refused else { throw DatabaseError.unavailable("\(refused)") }
            let created = try await groups.create(
                name: "x", picture: foreign, announcement: false, ownerID: people.anna, friendIDs: [])
            guard case .attachmentMissing = created else { throw DatabaseError.unavailable("\(created)") }
            guard
                case .created(let own) = try await groups.create(
                    name: "x", picture: people.attachment, announcement: false, ownerID: people.anna,
                    friendIDs: [people.clara])
            else { throw DatabaseError.unavailable("not created") }
            #expect(own.picture == people.attachment)
            #expect(try await people.loaders(fixture) == "ac")
        }
    }

    /// Of a batch only what names something foreign is refused; the rest is numbered without gaps.
    @Test func whoCannotLoadItCannotNameIt() async throws {
        try await AttachmentFixture.with { fixture in
            let people = try await People(fixture)
            let own = try await fixture.upload(people.berta)
            let first = try await fixture.domain.directory.loadRights(userID: people.anna)?.groups[0].lastSeq ?? 0
            let entries = [
                fixture.entry([], from: people.berta, in: people.group),
                fixture.entry([people.attachment], from: people.berta, in: people.group),
                fixture.entry([own, people.attachment], from: people.berta, in: people.group),
                fixture.entry([own], from: people.berta, in: people.group),
                fixture.entry([own, 1], from: people.berta, in: people.group),
                fixture.entry([people.attachment], from: people.anna, in: people.group),
            ]
            let outcomes = await withTaskGroup(of: (Int, AppendOutcome).self) { group in
                for (index, entry) in entries.enumerated() {
                    group.addTask { (index, await fixture.append(entry)) }
                }
                return await group.reduce(into: [Int: AppendOutcome]()) { $0[$1.0] = $1.1 }
            }
            #expect([1, 2, 4].map { outcomes[$0]!.name } == Array(repeating: "attachmentMissing", count: 3))
            #expect([0, 3, 5].compactMap { outcomes[$0]!.seq }.sorted() == [first + 1, first + 2, first + 3])
            // Now that it stands in the group berta may.
            #expect(await fixture.name([people.attachment], from: people.berta, in: people.group).seq == first + 4)
            #expect(
                await fixture.name([people.attachment], from: people.dora, in: people.group).name == "attachmentMissing"
            )
        }
    }

    @Test func aBatchOfRefusedOnesOnlyChangesNothing() async throws {
        try await AttachmentFixture.with { fixture in
            let people = try await People(fixture)
            #expect(await fixture.name([1, 2], from: people.anna, in: people.group).name == "attachmentMissing")
            let gone = StoredTopic.group(77)
            #expect(await fixture.name([people.attachment], from: people.anna, in: gone).name == "topicGone")
            #expect(try await fixture.rows("SELECT count(*) FROM attachment_names") == 0)
        }
    }

    /// A repeated message is the same message, whatever has become of what it names.
    @Test func aRepeatedMessageNeedsNoRight() async throws {
        try await AttachmentFixture.with { fixture in
            let people = try await People(fixture)
            let entry = fixture.entry([people.attachment], from: people.anna, in: people.direct, reference: 5)
            #expect(await fixture.append(entry).name == "committed")
            try await fixture.attachments.drop(topicID: people.direct.id, seq: 1)
            #expect(try await people.loaders(fixture) == "")
            var again = entry
            again.id = fixture.domain.context.ids.next()
            #expect(await fixture.append(again).name == "repeated")
            again.suffix = Array(",\"body\":{}}".utf8)
            #expect(await fixture.append(again).name == "clientRefReused")
            #expect(try await fixture.rows("SELECT count(*) FROM attachment_names") == 0)
        }
    }

    @Test func aDeletedMessageTakesItAlongUnlessSomethingElseNamesIt() async throws {
        try await AttachmentFixture.with { fixture in
            let people = try await People(fixture)
            let seq = try #require(await fixture.name([people.attachment], from: people.anna, in: people.group).seq)
            #expect(await fixture.name([people.attachment], from: people.anna, in: people.direct).seq == 1)
            try await fixture.attachments.drop(topicID: people.group.id, seq: seq)
            #expect(try await people.loaders(fixture) == "ac")
            try await fixture.attachments.drop(topicID: people.direct.id, seq: 1)
            #expect(try await people.loaders(fixture) == "", "not even its owner")
            #expect(
                await fixture.name([people.attachment], from: people.anna, in: people.group).name == "attachmentMissing"
            )
            #expect(try await fixture.attachments.purge() == 1)
            #expect(try await fixture.rows("SELECT count(*) FROM attachments") == 0)
            #expect(try await fixture.rows("SELECT count(*) FROM attachment_chunks") == 0)
            #expect(try await fixture.attachments.usage(of: people.anna) == 0)
        }
    }

    @Test func anEndedGroupTakesItsAttachmentsAlong() async throws {
        try await AttachmentFixture.with { fixture in
            let people = try await People(fixture)
            let picture = try await fixture.upload(people.anna)
            _ = try await fixture.domain.groups.update(
                people.group.id, GroupStore.Update(picture: .set(picture)), by: people.anna, ifVersionIn: nil)
            #expect(await fixture.name([people.attachment], from: people.anna, in: people.group).seq != nil)
            _ = try await fixture.domain.groups.end(people.group.id, by: people.anna)
            #expect(try await people.loaders(fixture) == "")
            #expect(try await fixture.mayLoad(people.anna, picture), "for a day")
            fixture.domain.clock.advance(milliseconds: AttachmentStore.unnamedMilliseconds + 1)
            #expect(try await fixture.attachments.purge() == 2)
            #expect(try await fixture.rows("SELECT count(*) FROM attachment_names") == 0)
        }
    }

    /// Naming and purging at the same moment: what is named stays.
    @Test func aNamedOneIsNeverPurged() async throws {
        try await AttachmentFixture.with { fixture in
            let people = try await People(fixture)
            var ids: [Int64] = []
            for _ in 0..<20 { ids.append(try await fixture.upload(people.anna, bytes: 10)) }
            fixture.domain.clock.advance(milliseconds: AttachmentStore.unnamedMilliseconds + 1)
            async let purged = fixture.attachments.purge()
            var named: [Int64] = []
            for id in ids.reversed() where await fixture.name([id], from: people.anna, in: people.direct).seq != nil {
                named.append(id)
            }
            let count = try await purged
            for id in named { #expect(try await fixture.attachments.read(id, from: 0, limit: 10).count == 10) }
            #expect(count + named.count == 21)
        }
    }
}
