import Testing
import Topics

@testable import Persistence

/// Bots and their tokens.
struct BotStoreTests {
    private func bot(_ name: String, of owner: Int64, _ fixture: DomainFixture) async throws -> User {
        let outcome = try await fixture.bots.create(username: name, displayName: name, ownerID: owner)
        guard case .created(let bot) = outcome else {
            Issue.record("\(outcome)")
            throw DatabaseError.unavailable("no bot")
        }
        return bot
    }

    private func token(
        of bot: Int64, _ owner: Int64, _ fixture: DomainFixture, milliseconds: Int64 = 1_000_000
    ) async throws -> BotToken {
        let outcome = try await fixture.botTokens.create(
            name: "ci", expiresAt: fixture.clock.milliseconds + milliseconds, for: bot, of: owner)
        guard case .created(let token) = outcome else {
            Issue.record("\(outcome)")
            throw DatabaseError.unavailable("no token")
        }
        return token
    }

    @Test func aBotIsItsOwnersFriend() async throws {
        try await DomainFixture.with { fixture in
            let owner = try await fixture.user("anna")
            let bot = try await bot("helper", of: owner, fixture)
            #expect(bot.ownerID == owner)
            #expect(fixture.witness.takeEntries().map(\.kind) == [.friendAccepted, .friendAccepted])
            #expect(try await fixture.friends.friends(of: owner, after: 0, limit: 9).map(\.user) == [bot])
            let topic = TopicAddress.direct(between: owner, and: bot.id)
            guard case .allowed = try await fixture.directory.publishRight(of: bot.id, on: topic) else {
                Issue.record("it may not answer")
                return
            }
            #expect(try await fixture.users.credentials(username: "helper", email: nil) == nil)
            #expect(try await fixture.sessions.standing(of: bot.id) == .bot)
            #expect(try await fixture.sessions.standing(of: owner) == .person)
            #expect(try await fixture.bots.bots(of: owner, after: 0, limit: 9) == [bot])
            #expect(try await fixture.users.user(bot.id) == bot)
        }
    }

    @Test func itAcceptsWhomItDoesNotBlock() async throws {
        try await DomainFixture.with { fixture in
            let ids = try await fixture.users("anna", "berta", "carla")
            let bot = try await bot("helper", of: ids[0], fixture)
            #expect(try await fixture.friends.handle(.add, by: ids[1], with: bot.id)?.verdict == .friends)
            _ = try await fixture.friends.handle(.block, by: bot.id, with: ids[2])
            let answer = try await fixture.friends.handle(.add, by: ids[2], with: bot.id)
            #expect(answer?.verdict == .pending(isNew: true))
            #expect(try await fixture.friends.friends(of: ids[2], after: 0, limit: 9).isEmpty)
            // It asks people as people do.
            _ = try await fixture.friends.handle(.unblock, by: bot.id, with: ids[2])
            #expect(
                try await fixture.friends.handle(.add, by: bot.id, with: ids[2])?.verdict == .pending(isNew: true))
        }
    }

    @Test func twentyAUser() async throws {
        try await DomainFixture.with { fixture in
            let owner = try await fixture.user("anna"), ownerOfOne = try await fixture.user("berta"),
                bots = fixture.bots
            // More at once than there is room for.
            let created = await withTaskGroup(of: Int64?.self) { group in
                for number in 0..<24 {
                    group.addTask {
                        let outcome = try? await bots.create(
                            username: "bot\(number)", displayName: "b", ownerID: owner)
                        guard case .created(let bot) = outcome else { return nil }
                        return bot.id
                    }
                }
                var ids: [Int64] = []
                for await id in group { if let id { ids.append(id) } }
                return ids
            }
            #expect(created.count == 20)
            #expect(try await fixture.bots.delete(created[0], of: owner, leavingName: "gone"))
            _ = try await bot("another", of: owner, fixture)
            let taken = try await bots.create(username: "anna", displayName: "b", ownerID: ownerOfOne)
            guard case .usernameTaken = taken else {
                Issue.record("\(taken)")
                return
            }
            let nested = try await bots.create(username: "nested", displayName: "b", ownerID: created[1])
            guard case .noOwner = nested else {
                Issue.record("a bot of a bot")
                return
            }
        }
    }

    @Test func tokens() async throws {
        try await DomainFixture.with { fixture in
            let ids = try await fixture.users("anna", "berta")
            let bot = try await bot("helper", of: ids[0], fixture)
            let kept = try await token(of: bot.id, ids[0], fixture)
            let short = try await token(of: bot.id, ids[0], fixture, milliseconds: 5_000)
            #expect(
                try await fixture.botTokens.create(name: nil, expiresAt: .max, for: bot.id, of: ids[1]) == .notFound)
            #expect(try await fixture.botTokens.tokens(of: bot.id, ownedBy: ids[1], after: 0, limit: 9) == nil)
            let all = try await fixture.botTokens.tokens(of: bot.id, ownedBy: ids[0], after: 0, limit: 9)
            #expect(all == [kept, short])
            #expect(try await fixture.sessions.admit(userID: bot.id, botTokenID: kept.id))
            #expect(try await !fixture.sessions.admit(userID: ids[0], botTokenID: kept.id), "another user's")
            fixture.clock.advance(milliseconds: 5_000)
            #expect(try await !fixture.sessions.admit(userID: bot.id, botTokenID: short.id), "expired")
            #expect(try await fixture.botTokens.purgeExpired() == 1)
            let used = try await fixture.botTokens.tokens(of: bot.id, ownedBy: ids[0], after: 0, limit: 9)
            #expect(used?.map(\.lastUsedAt) == [fixture.clock.milliseconds - 5_000])

            #expect(try await !fixture.botTokens.revoke(kept.id, of: bot.id, ownedBy: ids[1]))
            #expect(try await fixture.botTokens.revoke(kept.id, of: bot.id, ownedBy: ids[0]))
            #expect(try await !fixture.botTokens.revoke(kept.id, of: bot.id, ownedBy: ids[0]))
            #expect(fixture.witness.revoked == [kept.id])
            #expect(try await !fixture.sessions.admit(userID: bot.id, botTokenID: kept.id))
            for _ in 0..<20 { _ = try await token(of: bot.id, ids[0], fixture) }
            #expect(
                try await fixture.botTokens.create(name: nil, expiresAt: .max, for: bot.id, of: ids[0]) == .tooMany)
        }
    }

    @Test func deletingTheOwnerDeletesItsBots() async throws {
        try await DomainFixture.with { fixture in
            let ids = try await fixture.users("anna", "berta")
            let bot = try await bot("helper", of: ids[0], fixture)
            let token = try await token(of: bot.id, ids[0], fixture)
            _ = try await fixture.friends.handle(.add, by: ids[1], with: bot.id)
            let group = try await fixture.group(of: ids[1])
            _ = try await fixture.groups.add([bot.id], to: group, by: ids[1])
            #expect(try await fixture.accounts.delete(ids[0], passwordHash: "hash of anna", leavingName: "gone"))
            #expect(fixture.witness.ended == [ids[0], bot.id])
            try await fixture.accounts.finishDeletion(of: ids[0])
            #expect(try await fixture.sessions.standing(of: bot.id) == nil)
            #expect(try await !fixture.sessions.admit(userID: bot.id, botTokenID: token.id))
            #expect(try await fixture.count("bot_tokens") == 0)
            #expect(try await fixture.count("friendships") == 0)
            #expect(try await fixture.groups.group(group, for: ids[1])?.memberCount == 1)
            #expect(try await fixture.users.user(bot.id)?.username == "gone-1")
            #expect(try await fixture.accounts.finishDeletions() == 0)
        }
    }

    @Test func aClosedOwnerHasNoBots() async throws {
        try await DomainFixture.with { fixture in
            let owner = try await fixture.user("anna")
            let bot = try await bot("helper", of: owner, fixture)
            let token = try await token(of: bot.id, owner, fixture)
            #expect(try await fixture.administration.setEnabled(false, of: owner))
            try await fixture.accounts.announceEnded()
            #expect(Set(fixture.witness.ended) == [owner, bot.id])
            #expect(try await !fixture.sessions.admit(userID: bot.id, botTokenID: token.id))
            #expect(try await fixture.sessions.standing(of: bot.id) == nil)
            #expect(try await fixture.directory.loadRights(userID: bot.id)?.isEnabled == false)
            #expect(try await fixture.administration.setEnabled(true, of: owner))
            #expect(try await fixture.sessions.admit(userID: bot.id, botTokenID: token.id))
            #expect(try await fixture.directory.loadRights(userID: bot.id)?.isEnabled == true)
        }
    }

    @Test func administratorsGiveItNoPassword() async throws {
        try await DomainFixture.with { fixture in
            let owner = try await fixture.user("anna")
            let bot = try await bot("helper", of: owner, fixture)
            #expect(try await !fixture.administration.setPassword("hash", of: bot.id))
            #expect(try await !fixture.administration.setAdmin(true, of: bot.id))
            #expect(try await fixture.administration.account(named: "helper")?.ownerID == owner)
        }
    }
}
