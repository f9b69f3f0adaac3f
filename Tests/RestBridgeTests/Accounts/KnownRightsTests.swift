import Persistence
import Synchronization
import Testing
import Topics

@testable import RestBridge

/// The hub of these tests tells its rights of every change, as the real one does.
struct KnownRightsTests {
    /// A second message of somebody who was let in a moment ago: the right is known, and must not outlive what it came from.
    @Test func whatEndsARightEndsItAtOnce() async throws {
        let hub = try await TestHub.shared
        let (me, friend) = try await hub.friends()
        let group = try await me.group(friend)
        let toGroup = #"{"group_id":"\#(group)","text":"x"}"#
        for _ in 0..<2 { #expect(await friend.call("POST", "/messages", toGroup).status == 201) }
        _ = await me.call("PATCH", "/groups/\(group)", #"{"announcement":true}"#)
        #expect(await friend.call("POST", "/messages", toGroup).status == 403)
        _ = await me.call("PUT", "/groups/\(group)/members/\(friend.id)", #"{"role":"admin"}"#)
        for _ in 0..<2 { #expect(await friend.call("POST", "/messages", toGroup).status == 201) }
        _ = await me.call("POST", "/groups/\(group)/remove", #"{"user_id":"\#(friend.id)"}"#)
        #expect(await friend.call("POST", "/messages", toGroup).status == 404)
        _ = await me.call("POST", "/groups/\(group)/add", #"{"user_ids":["\#(friend.id)"]}"#)
        #expect(await friend.call("POST", "/messages", toGroup).status == 403, "a member again, and no admin")

        let toMe = #"{"user_id":"\#(me.id)","text":"x"}"#
        for _ in 0..<2 { #expect(await friend.call("POST", "/messages", toMe).status == 201) }
        _ = await me.call("POST", "/friends/remove", #"{"user_id":"\#(friend.id)"}"#)
        #expect(await friend.call("POST", "/messages", toMe).status == 403)
        try await me.befriend(friend)
        #expect(await friend.call("POST", "/messages", toMe).status == 201)
    }

    /// What no entry tells, because another process did it, is seen when the right is asked for again.
    @Test func nothingIsKnownForLong() async throws {
        let hub = try await TestHub.shared
        let (me, friend) = try await hub.friends()
        let address = TopicAddress.direct(between: try #require(Int64(me.id)), and: try #require(Int64(friend.id)))
        let directory = DirectoryStore(context: hub.context)
        let rights = KnownRights(commits: TestHub.Deaf(), revocations: hub.revoked)
        let user = try #require(Int64(me.id))
        let first = try await rights.right(of: user, on: address, directory, now: 1_000)
        guard case .allowed = first else {
            Issue.record("friends write to each other")
            return
        }
        // The hub's own rights hear of it, these do not.
        _ = await me.call("POST", "/friends/remove", #"{"user_id":"\#(friend.id)"}"#)
        #expect(try await rights.right(of: user, on: address, directory, now: 2_999) == first)
        #expect(try await rights.right(of: user, on: address, directory, now: 3_000) == .notFriends)
    }

    @Test func whoIsToldOnIsTold() async throws {
        let hub = try await TestHub.shared
        let rights = KnownRights(commits: TestHub.Deaf(), revocations: hub.revoked)
        rights.userEnded(-77)
        #expect(hub.revoked.endedUsers.contains(-77))
    }
}
