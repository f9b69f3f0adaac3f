import Testing

@testable import Persistence

@Suite struct AttachmentStoreTests {
    private static let day = AttachmentStore.unnamedMilliseconds

    @Test func bytesComeBackAsTheyWere() async throws {
        try await AttachmentFixture.with { fixture in
            let store = fixture.attachments
            let anna = try await fixture.domain.user("anna")
            let id = try await store.begin(ownerID: anna, name: "x.png", mediaType: "image/png", width: 3, height: 4)
            #expect(try await store.attachment(id, for: anna) == nil, "it is not complete")
            let first = [UInt8]((0..<AttachmentStore.chunkBytes).map { UInt8(truncatingIfNeeded: $0) })
            #expect(try await store.append(first, number: 0, to: id, quota: .max) == .done)
            #expect(try await store.append([1, 2, 3], number: 1, to: id, quota: .max) == .done)
            let digest = (0..<32).map { UInt8($0) }
            let expected = Attachment(
                id: id, name: "x.png", mediaType: "image/png", size: Int64(first.count) + 3, sha256: digest, width: 3,
                height: 4)
            #expect(try await store.complete(id, sha256: digest) == expected)
            #expect(try await store.attachment(id, for: anna) == expected)
            #expect(try await store.usage(of: anna) == expected.size)
            let end = Int64(first.count)
            #expect(try await store.read(id, from: 0, limit: 5) == [0, 1, 2, 3, 4])
            #expect(try await store.read(id, from: end - 2, limit: 5) == [254, 255], "not beyond the chunk")
            #expect(try await store.read(id, from: end + 1, limit: 5) == [2, 3])
            #expect(try await store.read(id, from: end + 3, limit: 5) == [])
            #expect(try await store.read(id, from: 5 * end, limit: 5) == [])
            #expect(try await store.append([1], number: 2, to: id, quota: .max) == .gone, "complete is complete")
        }
    }

    @Test func whatIsGivenUpLeavesNothing() async throws {
        try await AttachmentFixture.with { fixture in
            let store = fixture.attachments
            let anna = try await fixture.domain.user("anna")
            let kept = try await fixture.upload(anna, bytes: 300_000)
            let id = try await store.begin(ownerID: anna, name: "", mediaType: "a/b", width: nil, height: nil)
            #expect(try await store.append([1, 2, 3], number: 0, to: id, quota: .max) == .done)
            #expect(try await store.usage(of: anna) == 300_003)
            try await store.abandon(id)
            try await store.abandon(id)
            try await store.abandon(kept)
            #expect(try await store.usage(of: anna) == 300_000)
            #expect(try await store.append([1], number: 1, to: id, quota: .max) == .gone)
            #expect(try await store.complete(id, sha256: []) == nil)
            #expect(try await fixture.rows("SELECT count(*) FROM attachments") == 1)
            #expect(try await fixture.rows("SELECT count(*) FROM attachment_chunks") == 2)
        }
    }

    /// However many upload at once, nothing goes beyond the quota, and all of it can be used.
    @Test func theQuotaHoldsForManyAtOnce() async throws {
        try await AttachmentFixture.with { fixture in
            let store = fixture.attachments
            let anna = try await fixture.domain.user("anna")
            let stored = try await withThrowingTaskGroup(of: Int.self) { group in
                for _ in 0..<8 {
                    group.addTask {
                        let id = try await store.begin(
                            ownerID: anna, name: "", mediaType: "a/b", width: nil, height: nil)
                        for number in 0..<4 {
                            let chunk = [UInt8](repeating: 1, count: 100_000)
                            let outcome = try await store.append(chunk, number: number, to: id, quota: 1_050_000)
                            if outcome == .quotaExceeded { return number }
                        }
                        return 4
                    }
                }
                return try await group.reduce(0, +)
            }
            #expect(stored == 10)
            #expect(try await store.usage(of: anna) == 1_000_000)
            #expect(try await store.append([1], number: 9, to: 1, quota: .max) == .gone)
        }
    }

    /// Those that say how long they are take all of their room or none, so that some are stored whole.
    @Test func reservedRoomIsTakenAtOnce() async throws {
        try await AttachmentFixture.with { fixture in
            let store = fixture.attachments
            let anna = try await fixture.domain.user("anna")
            func begin() async throws -> Int64 {
                try await store.begin(ownerID: anna, name: "", mediaType: "a/b", width: nil, height: nil)
            }
            let chunk = [UInt8](repeating: 1, count: 100_000)
            let stored = try await withThrowingTaskGroup(of: Int64?.self) { group in
                for _ in 0..<8 {
                    group.addTask {
                        let id = try await begin()
                        guard try await store.reserve(400_000, for: id, quota: 1_050_000) == .done else {
                            try await store.abandon(id)
                            return nil
                        }
                        for number in 0..<4 {
                            #expect(try await store.append(chunk, number: number, to: id, quota: 1_050_000) == .done)
                        }
                        return try await store.complete(id, sha256: [])?.id
                    }
                }
                return try await group.reduce(into: []) { $0.append($1) }.compactMap { $0 }
            }
            #expect(stored.count == 2)
            #expect(try await store.usage(of: anna) == 800_000)
            // More than was reserved needs room of its own; less is given back, be it completed or given up.
            let longer = try await begin(), shorter = try await begin(), lost = try await begin()
            #expect(try await store.reserve(50_000, for: longer, quota: 1_050_000) == .done)
            #expect(try await store.append(chunk, number: 0, to: longer, quota: 1_050_000) == .done)
            #expect(try await store.usage(of: anna) == 900_000)
            #expect(try await store.append(chunk, number: 1, to: longer, quota: 950_000) == .quotaExceeded)
            #expect(try await store.reserve(150_000, for: shorter, quota: 1_050_000) == .done)
            #expect(try await store.reserve(1, for: lost, quota: 1_050_000) == .quotaExceeded)
            #expect(try await store.append(chunk, number: 0, to: shorter, quota: 1_050_000) == .done)
            #expect(try await store.complete(shorter, sha256: [])?.size == 100_000)
            #expect(try await store.usage(of: anna) == 1_000_000)
            #expect(try await store.reserve(50_000, for: lost, quota: 1_050_000) == .done)
            #expect(try await store.append([1], number: 0, to: lost, quota: 1_050_000) == .done)
            try await store.abandon(lost)
            #expect(try await store.usage(of: anna) == 1_000_000)
            #expect(try await store.reserve(1, for: lost, quota: .max) == .gone)
        }
    }

    @Test func whatNothingNamesGoesAfterADay() async throws {
        try await AttachmentFixture.with { fixture in
            let (store, clock) = (fixture.attachments, fixture.domain.clock)
            let ids = try await fixture.domain.users("anna", "berta")
            let group = try await fixture.domain.group(of: ids[0], [ids[1]])
            let lone = try await fixture.upload(ids[0], bytes: 300_000)
            let named = try await fixture.upload(ids[0])
            let avatar = try await fixture.upload(ids[0])
            let picture = try await fixture.upload(ids[0])
            #expect(await fixture.name([named], from: ids[0], in: .group(group)).seq != nil)
            try await set(avatar: .set(avatar), of: ids[0], fixture)
            try await set(picture: .set(picture), of: group, by: ids[0], fixture)
            clock.advance(milliseconds: Self.day)
            #expect(try await store.purge() == 0)
            clock.advance(milliseconds: 1)
            #expect(try await store.purge() == 1)
            #expect(try await !fixture.mayLoad(ids[0], lone))
            for id in [named, avatar, picture] { #expect(try await fixture.mayLoad(ids[0], id)) }
            #expect(try await store.usage(of: ids[0]) == 3_000)
            // From the moment at which nothing names it any more.
            try await set(avatar: .remove, of: ids[0], fixture)
            try await set(picture: .set(named), of: group, by: ids[0], fixture)
            clock.advance(milliseconds: Self.day)
            #expect(try await store.purge() == 0)
            clock.advance(milliseconds: 1)
            #expect(try await store.purge(limit: 1) == 2)
            #expect(try await fixture.mayLoad(ids[0], named))
            #expect(try await fixture.rows("SELECT count(*) FROM attachment_chunks") == 1)
        }
    }

    @Test func anUploadWhoseHubIsGoneGoes() async throws {
        try await AttachmentFixture.with { fixture in
            let (store, clock) = (fixture.attachments, fixture.domain.clock)
            let anna = try await fixture.domain.user("anna")
            let id = try await store.begin(ownerID: anna, name: "", mediaType: "a/b", width: nil, height: nil)
            clock.advance(milliseconds: AttachmentStore.uploadMilliseconds)
            #expect(try await store.append([1, 2], number: 0, to: id, quota: .max) == .done)
            clock.advance(milliseconds: AttachmentStore.uploadMilliseconds)
            #expect(try await store.purge() == 0, "something came of it")
            clock.advance(milliseconds: 1)
            #expect(try await store.purge() == 1)
            #expect(try await store.usage(of: anna) == 0)
            #expect(try await fixture.rows("SELECT count(*) FROM attachment_chunks") == 0)
        }
    }

    private func set(avatar: AttachmentChange, of user: Int64, _ fixture: AttachmentFixture) async throws {
        let outcome = try await fixture.domain.users.updateProfile(
            user, UserStore.ProfileChange(avatar: avatar), ifVersionIn: nil)
        guard case .done = outcome else {
            Issue.record("\(outcome)")
            return
        }
    }

    private func set(
        picture: AttachmentChange, of group: Int64, by user: Int64, _ fixture: AttachmentFixture
    ) async throws {
        let outcome = try await fixture.domain.groups.update(
            group, GroupStore.Update(picture: picture), by: user, ifVersionIn: nil)
        guard case .done = outcome else {
            Issue.record("\(outcome)")
            return
        }
    }
}
