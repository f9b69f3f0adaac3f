import Testing
import Topics

@testable import Persistence

/// Passwords, known networks, the end of accounts, and what administrators do.
struct AccountStoreTests {
    @Test func aNewPasswordEndsOtherSessions() async throws {
        try await DomainFixture.with { fixture in
            let anna = try await fixture.user("anna"), users = fixture.users
            let kept = try await fixture.sessions.open(
                NewLoginSession(client: "kept", address: "", refreshHash: [7]), for: anna)
            #expect(try await !users.changePassword(of: anna, from: "other", to: "new", keeping: kept.sessionID))
            #expect(fixture.witness.revoked.isEmpty)
            #expect(
                try await users.changePassword(of: anna, from: "hash of anna", to: "new", keeping: kept.sessionID))
            #expect(try await users.passwordHash(of: anna) == "new")
            let left = try await fixture.sessions.sessions(of: anna, below: .max, limit: 9)
            #expect(left.map(\.id) == [kept.sessionID] && fixture.witness.revoked.count == 1)
        }
    }

    @Test func networksAreKnownForThirtyDays() async throws {
        try await DomainFixture.with { fixture in
            let anna = try await fixture.user("anna"), users = fixture.users
            try await users.noteLogin(of: anna, from: "192.0.2.1")
            let table: [(String, String?, String?, Bool)] = [
                ("192.0.2.1", "anna", nil, true), ("192.0.2.1", nil, "anna@example.org", true),
                ("192.0.2.2", "anna", nil, false), ("192.0.2.1", "berta", nil, false),
            ]
            for (network, username, email, isKnown) in table {
                #expect(try await users.knows(network: network, username: username, email: email) == isKnown)
            }
            fixture.clock.advance(milliseconds: 20 * 86_400_000)
            try await users.noteLogin(of: anna, from: "192.0.2.1")
            fixture.clock.advance(milliseconds: 20 * 86_400_000)
            #expect(try await users.knows(network: "192.0.2.1", username: "anna", email: nil))
            fixture.clock.advance(milliseconds: 10 * 86_400_000)
            #expect(try await !users.knows(network: "192.0.2.1", username: "anna", email: nil))
            #expect(try await users.purgeNetworks() == 1)
        }
    }

    @Test func whatIsOverIsRemoved() async throws {
        try await DomainFixture.with { fixture in
            let ids = try await fixture.users("a", "b"), sessions = fixture.sessions
            let first = try #require(try await sessions.sessions(of: ids[0], below: .max, limit: 1).first)
            #expect(try await sessions.revoke(first.id, of: ids[0]))
            #expect(try await sessions.purgeEnded() == 1)
            #expect(try await sessions.sessions(of: ids[1], below: .max, limit: 9).count == 1)
            fixture.clock.advance(milliseconds: 20 * 86_400_000)
            _ = try await sessions.refresh(Array("b0".utf8), replacement: [1])
            fixture.clock.advance(milliseconds: 20 * 86_400_000)
            #expect(try await sessions.purgeEnded() == 0, "it was refreshed")
            #expect(try await fixture.count("refresh_tokens") == 1, "the first token is too old to tell anything")
            fixture.clock.advance(milliseconds: 10 * 86_400_000)
            #expect(try await sessions.purgeEnded() == 1)
            #expect(try await fixture.count("refresh_tokens") == 0)
        }
    }

    @Test func aDeletedAccountLeavesItsMessages() async throws {
        try await DomainFixture.with { fixture in
            let ids = try await fixture.users("anna", "berta", "carla")
            let group = try await fixture.group(of: ids[0], [ids[1], ids[2]])
            _ = try await fixture.friends.handle(.block, by: ids[2], with: ids[0])
            let said = try await fixture.send("hello", from: ids[0], to: .group(group))
            _ = fixture.witness.takeEntries()
            #expect(try await !fixture.accounts.delete(ids[0], passwordHash: "other", leavingName: "gone"))
            #expect(try await fixture.accounts.delete(ids[0], passwordHash: "hash of anna", leavingName: "gone"))
            #expect(fixture.witness.ended == [ids[0]])
            #expect(try await fixture.accounts.finishDeletions() == 1)
            #expect(try await fixture.accounts.finishDeletions() == 0)

            #expect(
                fixture.witness.takeEntries().map(\.summary) == [
                    #"inbox/\#(ids[1]) friend_removed \#(ids[0]) {"user_id":"\#(ids[0])"}"#,
                    #"group/\#(group) member \#(ids[0]) {"op":"role","user_id":"\#(ids[1])","role":"owner"}"#,
                    #"group/\#(group) member \#(ids[0]) {"op":"left","user_id":"\#(ids[0])"}"#,
                ])
            let user = try #require(try await fixture.users.user(ids[0]))
            #expect(user.username == "gone" && user.displayName == "Deleted user")
            #expect(try await fixture.users.credentials(username: "anna", email: "anna@example.org") == nil)
            #expect(try await fixture.users.profile(ids[0])?.email == nil)
            let history = try await fixture.history.page(
                of: .group(group), for: ids[1], .before(nil), limit: 9, kinds: [.message])
            #expect(history?.entries.map(\.id) == [said.id] && history?.entries.first?.senderID == ids[0])
            let left = try #require(try await fixture.groups.group(group, for: ids[1]))
            #expect(left.ownerID == ids[1] && left.myRole == .owner && left.memberCount == 2)
            for table in ["login_sessions", "blocks", "friend_requests"] {
                let rows = table == "login_sessions" ? 2 : 0
                #expect(try await fixture.count(table) == Int64(rows), "\(table)")
            }
            // The name and the address are free again.
            _ = try await fixture.user("anna")
        }
    }

    /// Owned groups pass to the longest-serving admin, else member; an otherwise empty one ends.
    @Test(arguments: [
        (admins: [3, 2], expected: 2), (admins: [3], expected: 3), (admins: [], expected: 1),
        (admins: [1], expected: 1),
    ])
    func groupsPassOn(admins: [Int], expected: Int) async throws {
        try await DomainFixture.with { fixture in
            let ids = try await fixture.users("owner", "one", "two", "three")
            let group = try await fixture.group(of: ids[0])
            let alone = try await fixture.group(of: ids[0])
            for id in ids.dropFirst() {
                try await fixture.befriend(ids[0], id)
                fixture.clock.advance(milliseconds: 1_000)
                _ = try await fixture.groups.add([id], to: group, by: ids[0])
            }
            for admin in admins { _ = try await fixture.groups.setRole(.admin, of: ids[admin], in: group, by: ids[0]) }
            #expect(try await fixture.accounts.delete(ids[0], passwordHash: "hash of owner", leavingName: "gone"))
            try await fixture.accounts.finishDeletion(of: ids[0])
            #expect(try await fixture.groups.group(group, for: ids[1])?.ownerID == ids[expected])
            #expect(try await fixture.groups.group(alone, for: ids[0]) == nil)
            #expect(try await fixture.database.query("SELECT 1 FROM groups").count == 1)
        }
    }

    @Test func manyFriendsPart() async throws {
        try await DomainFixture.with { fixture in
            let anna = try await fixture.user("anna")
            var others: [Int64] = []
            for index in 0..<205 { others.append(try await fixture.user("friend\(index)")) }
            for other in others { try await fixture.befriend(anna, other) }
            _ = fixture.witness.takeEntries()
            #expect(try await fixture.accounts.delete(anna, passwordHash: "hash of anna", leavingName: "gone"))
            try await fixture.accounts.finishDeletion(of: anna)
            #expect(Set(fixture.witness.takeEntries().map(\.topic.id)) == Set(others))
            #expect(try await fixture.count("friendships") == 0)
        }
    }

    // MARK: Administrators

    @Test func administratorsChangeAccounts() async throws {
        try await DomainFixture.with { fixture in
            let anna = try await fixture.confirmedUser("anna"), admin = fixture.administration
            for name in ["anna", "ANNA", "anna@example.org", "\(anna)"] {
                #expect(try await admin.account(named: name)?.id == anna, "\(name)")
            }
            #expect(try await admin.account(named: "nobody") == nil)
            func account() async throws -> AdministrationStore.Account {
                try #require(try await admin.account(named: "anna"))
            }
            #expect(try await admin.setAdmin(true, of: anna))
            #expect(try await fixture.accounts.standing(of: anna).isAdmin)
            var seen = try await account()
            #expect(seen.isAdmin && seen.hasSecondFactor && seen.sessions == 1 && seen.disabledAt == nil)
            try await fixture.accounts.announceEnded()
            #expect(fixture.witness.ended.isEmpty, "nothing has ended yet")

            #expect(try await admin.removeSecondFactor(of: anna))
            #expect(try await !admin.removeSecondFactor(of: anna))
            #expect(try await admin.setPassword("new", of: anna))
            #expect(try await admin.setAdmin(false, of: anna))
            #expect(try await admin.setEnabled(false, of: anna))
            seen = try await account()
            #expect(!seen.isAdmin && !seen.hasSecondFactor && seen.sessions == 0 && seen.disabledAt != nil)
            try await fixture.accounts.announceEnded()
            try await fixture.accounts.announceEnded()
            #expect(fixture.witness.ended == [anna], "told once")
            #expect(try await admin.setEnabled(true, of: anna))
            #expect(try await fixture.users.credentials(username: "anna", email: nil)?.passwordHash == "new")
        }
    }

    @Test func aDeletedAccountStaysSo() async throws {
        try await DomainFixture.with { fixture in
            let anna = try await fixture.user("anna"), admin = fixture.administration
            #expect(try await fixture.accounts.delete(anna, passwordHash: "hash of anna", leavingName: "gone"))
            #expect(try await !admin.setEnabled(true, of: anna))
            #expect(try await !admin.setEnabled(false, of: anna))
            #expect(try await !admin.setPassword("x", of: anna))
            #expect(try await !admin.setAdmin(true, of: anna))
            #expect(try await admin.accounts(after: 0, limit: 9).map(\.isDeleted) == [true])
        }
    }

    // MARK: Export

    @Test(arguments: [1, 2, 100]) func exportReadsEveryReadableEntryOnce(limit: Int) async throws {
        try await DomainFixture.with { fixture in
            let ids = try await fixture.users("anna", "berta", "carla")
            let group = try await fixture.group(of: ids[1], [ids[0], ids[2]])
            let foreign = try await fixture.group(of: ids[2])
            try await fixture.befriend(ids[0], ids[2])
            for text in ["one", "two", "three"] { try await fixture.send(text, from: ids[0], to: .group(group)) }
            try await fixture.send("not hers", from: ids[2], to: .group(foreign))
            let expected = try await fixture.database.query(
                """
                SELECT m.id FROM messages m JOIN topics t ON t.id = m.topic_id
                WHERE t.id IN ($1, $2) OR t.low = $1 OR t.high = $1 ORDER BY m.topic_id, m.seq
                """, [.int(ids[0]), .int(group)])
            var found: [Int64] = []
            var position: ExportStore.Position? = .start
            let store = ExportStore(context: fixture.context)
            while let from = position {
                let page = try await store.entries(of: ids[0], after: from, limit: limit)
                found += page.entries.map(\.id)
                position = page.next
            }
            #expect(found == (0..<expected.count).map { expected.int($0, 0) } && found.count > 6)
        }
    }
}

extension DomainFixture {
    func count(_ table: String) async throws -> Int64 {
        let rows: Rows =
            switch table {
            case "refresh_tokens": try await database.query("SELECT count(*) FROM refresh_tokens")
            case "login_sessions": try await database.query("SELECT count(*) FROM login_sessions")
            case "bot_tokens": try await database.query("SELECT count(*) FROM bot_tokens")
            case "friendships": try await database.query("SELECT count(*) FROM friendships")
            case "friend_requests": try await database.query("SELECT count(*) FROM friend_requests")
            default: try await database.query("SELECT count(*) FROM blocks")
            }
        return rows.int(0, 0)
    }
}
