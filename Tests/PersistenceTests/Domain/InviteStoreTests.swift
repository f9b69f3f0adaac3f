import Testing
import Topics

@testable import Persistence

/// Invitations: who may what, when they are over, and that the last use is given once.
struct InviteStoreTests {
    private func invite(
        _ code: String, to group: Int64, by user: Int64, uses: Int64? = nil, _ fixture: DomainFixture
    ) async throws -> String {
        try await fixture.invites.create(
            code: code, expiresAt: fixture.clock.milliseconds + 1_000, uses: uses, groupID: group, by: user
        ).name
    }

    @Test func joining() async throws {
        try await DomainFixture.with { fixture in
            let ids = try await fixture.users("owner", "guest")
            let group = try await fixture.group(of: ids[0])
            #expect(try await invite("code", to: group, by: ids[0], uses: 2, fixture) == "done")
            guard case .good(let preview) = try await fixture.invites.preview("code") else {
                Issue.record("no preview")
                return
            }
            #expect(preview == InviteStore.Preview(name: "group", picture: nil, memberCount: 1))
            let joined = try await fixture.invites.accept("code", by: ids[1])
            guard case .good(let seen) = joined else {
                Issue.record("\(joined)")
                return
            }
            #expect(seen.myRole == .member && seen.memberCount == 2)
            let (g, guest) = (group, ids[1])
            let entries = fixture.witness.takeEntries()
            #expect(
                entries[0].summary
                    == #"group/\#(g) member \#(guest) {"op":"joined","user_id":"\#(guest)","role":"member"}"#)
            #expect(entries[0].change == .memberAdded(user: guest, role: .member, announcement: false))
            #expect(entries[1].summary.hasPrefix("inbox/\(guest) group_added \(guest) {\"group\":{\"id\":\"\(g)\""))
            #expect(entries.count == 2)
            let rights = try await fixture.directory.loadRights(userID: guest)
            #expect(rights?.groups.map(\.joinedSeq) == [entries[0].seq])
            // Once more is the same, and takes no use.
            #expect(try await fixture.invites.accept("code", by: guest).name == "good")
            #expect(fixture.witness.takeEntries().isEmpty)
            #expect(try await usesLeft(of: group, ids[0], fixture) == [1])
        }
    }

    private func usesLeft(of group: Int64, _ user: Int64, _ fixture: DomainFixture) async throws -> [Int64?] {
        guard case .done(let invites) = try await fixture.invites.invites(of: group, for: user, after: 0, limit: 9)
        else { return [] }
        return invites.map(\.usesLeft)
    }

    @Test func theLastUseIsGivenOnce() async throws {
        try await DomainFixture.with { fixture in
            let owner = try await fixture.user("owner")
            var guests: [Int64] = []
            for number in 0..<8 { guests.append(try await fixture.user("guest\(number)")) }
            let group = try await fixture.group(of: owner), invites = fixture.invites
            #expect(try await invite("code", to: group, by: owner, uses: 3, fixture) == "done")
            let names = await withTaskGroup(of: String.self) { tasks in
                for guest in guests { tasks.addTask { (try? await invites.accept("code", by: guest).name) ?? "error" } }
                return await tasks.reduce(into: []) { $0.append($1) }
            }
            #expect(names.sorted() == Array(repeating: "good", count: 3) + Array(repeating: "over", count: 5))
            #expect(try await fixture.groups.group(group, for: owner)?.memberCount == 4)
            #expect(try await fixture.database.query("SELECT 1 FROM members").count == 4)
        }
    }

    @Test func theEnds() async throws {
        try await DomainFixture.with { fixture in
            let ids = try await fixture.users("owner", "guest"), invites = fixture.invites
            let group = try await fixture.group(of: ids[0]), ending = try await fixture.group(of: ids[0])
            for code in ["expired", "revoked", "good"] {
                #expect(try await invite(code, to: group, by: ids[0], fixture) == "done")
            }
            #expect(try await invite("ended", to: ending, by: ids[0], fixture) == "done")
            for _ in 0..<2 { #expect(try await invites.revoke("revoked", of: group, by: ids[0]).name == "done") }
            #expect(try await invites.revoke("ended", of: group, by: ids[0]).name == "notFound")
            _ = try await fixture.groups.end(ending, by: ids[0])
            for (code, name) in [("revoked", "over"), ("ended", "over"), ("good", "good"), ("never", "notFound")] {
                #expect(try await invites.preview(code).name == name, "\(code)")
                if code != "good" { #expect(try await invites.accept(code, by: ids[1]).name == name, "\(code)") }
            }
            fixture.clock.advance(milliseconds: 1_000)
            #expect(try await invites.preview("expired").name == "over")
            #expect(try await invites.accept("expired", by: ids[1]).name == "over")
            #expect(try await usesLeft(of: group, ids[0], fixture).isEmpty)
            #expect(try await invites.purgeOver() == 0)
            fixture.clock.advance(milliseconds: 90 * 86_400_000)
            #expect(try await invites.purgeOver() == 4)
            #expect(try await invites.preview("expired").name == "notFound")
        }
    }

    @Test func onlyAdmins() async throws {
        try await DomainFixture.with { fixture in
            let ids = try await fixture.users("owner", "member", "stranger"), invites = fixture.invites
            let group = try await fixture.group(of: ids[0], [ids[1]])
            #expect(try await invite("code", to: group, by: ids[0], fixture) == "done")
            for (user, name) in [(ids[1], "forbidden"), (ids[2], "notFound")] {
                #expect(try await invite("other", to: group, by: user, fixture) == name)
                #expect(try await invites.invites(of: group, for: user, after: 0, limit: 9).name == name)
                #expect(try await invites.revoke("code", of: group, by: user).name == name)
            }
            _ = try await fixture.groups.setRole(.admin, of: ids[1], in: group, by: ids[0])
            #expect(try await invite("other", to: group, by: ids[1], fixture) == "done")
            for number in 0..<98 {
                #expect(try await invite("code\(number)", to: group, by: ids[0], fixture) == "done")
            }
            #expect(try await invite("one more", to: group, by: ids[0], fixture) == "tooMany")
        }
    }

    @Test func fullGroupsTakeNobody() async throws {
        try await DomainFixture.with { fixture in
            let ids = try await fixture.users("owner", "guest")
            let group = try await fixture.group(of: ids[0])
            #expect(try await invite("code", to: group, by: ids[0], fixture) == "done")
            _ = try await fixture.database.query(
                "UPDATE groups SET member_count = $2 WHERE id = $1", [.int(group), .int(GroupStore.membersMax)])
            #expect(try await fixture.invites.accept("code", by: ids[1]).name == "full")
        }
    }
}

extension InviteStore.Outcome {
    fileprivate var name: String { String("\(self)".prefix { $0 != "(" }) }
}

extension InviteStore.Invitation {
    fileprivate var name: String { String("\(self)".prefix { $0 != "(" }) }
}
