import Testing

@testable import Persistence

@Suite struct SessionStoreTests {
    private func with(_ body: (SessionStore, Database) async throws -> Void) async throws {
        try await TestDatabase.with { (test) async throws in
            try await body(SessionStore(test.database), test.database)
        }
    }

    @Test func whatWasSavedIsLoaded() async throws {
        try await with { (store, _) async throws in
            let name: [UInt8] = [0xC3, 0xBC, 0]
            #expect(try await store.load(user: 1, clientID: name) == nil)
            #expect(try await store.create(id: 10, user: 1, clientID: name) == [])
            _ = try await store.create(id: 11, user: 2, clientID: name)
            let first = StoredSubscription(filter: Array("a/#".utf8), options: 1, identifier: 0)
            let second = StoredSubscription(filter: Array("b".utf8), options: 0x2E, identifier: 268_435_455)
            let changed = StoredSubscription(filter: first.filter, options: 2, identifier: 7)
            try await store.save([first, second, first], of: 10)
            try await store.save([changed], of: 10)
            let state = SessionState(
                cursors: [Cursor(topicID: 7, acked: 3), Cursor(topicID: 9, acked: 0)],
                deliveries: [
                    .init(ordinal: 70_000, topicID: 7, seq: 4, isExactlyOnce: true, progress: .released),
                    .init(ordinal: 70_002, topicID: 9, seq: 1, isExactlyOnce: false, progress: .sent),
                ],
                nextOrdinal: 70_003, exchanges: [.init(packetID: 65_535, entryID: .max, isPublished: true)])
            try await store.save([(10, state), (12_345, state)])
            #expect(
                try await store.load(user: 1, clientID: name)
                    == StoredSession(id: 10, state: state, subscriptions: [changed, second]))
            try await store.deleteSubscriptions([first.filter, [1]], of: 10)
            #expect(try await store.load(user: 1, clientID: name)?.subscriptions == [second])
            #expect(try await store.load(user: 2, clientID: name) == StoredSession(id: 11))
            try await store.delete(10)
            #expect(try await store.load(user: 1, clientID: name) == nil)
        }
    }

    @Test func creatingReplaces() async throws {
        try await with { (store, database) async throws in
            _ = try await store.create(id: 10, user: 1, clientID: [1])
            try await store.save([StoredSubscription(filter: [1], options: 0, identifier: 0)], of: 10)
            _ = try await store.create(id: 11, user: 1, clientID: [1])
            #expect(try await store.load(user: 1, clientID: [1]) == StoredSession(id: 11))
            #expect(try await database.query("SELECT count(*) FROM mqtt_subscriptions").int(0, 0) == 0)
        }
    }

    @Test func manyAtOnceFindTheRoomThatThereIs() async throws {
        try await with { (store, database) async throws in
            for id in 1...Int64(90) { _ = try await store.create(id: id, user: 1, clientID: [UInt8(id)]) }
            for id in 1...Int64(5) { try await store.leave(id, expirySeconds: 1_000) }
            let answers = await withTaskGroup(of: [Int64]?.self) { group in
                for id in 1_001...Int64(1_060) {
                    group.addTask {
                        (try? await store.create(id: id, user: 1, clientID: [1, UInt8(id - 1_000)])) ?? nil
                    }
                    group.addTask {
                        (try? await store.create(id: id + 1_000, user: id, clientID: [1])) ?? nil
                    }
                }
                return await group.reduce(into: []) { $0.append($1) }
            }
            #expect(answers.count { $0 != nil } == 15 + 60)
            #expect(Set(answers.compactMap { $0 }.joined()) == Set(1...5))
            let count = "SELECT count(*) FROM mqtt_sessions WHERE user_id = 1" as StaticString
            #expect(try await database.query(count).int(0, 0) == Int64(SessionStore.sessionsPerUserMax))
        }
    }

    @Test func expiryCountsFromLeaving() async throws {
        try await with { (store, _) async throws in
            for (id, seconds) in [(Int64(10), Int64(0)), (11, 3_600)] {
                _ = try await store.create(id: id, user: 1, clientID: [UInt8(id)])
                try await store.leave(id, expirySeconds: seconds)
            }
            _ = try await store.create(id: 12, user: 1, clientID: [12])
            #expect(try await store.countAbsent() == 1)
            #expect(try await store.load(user: 1, clientID: [10]) == nil)
            #expect(try await store.purgeExpired() == 1)
            #expect(try await store.load(user: 1, clientID: [11])?.id == 11)
        }
    }

    @Test func theLongestAbsentMakesRoom() async throws {
        try await with { (store, database) async throws in
            for id in 1...Int64(SessionStore.sessionsPerUserMax) {
                #expect(try await store.create(id: id, user: 1, clientID: [UInt8(id)]) == [])
            }
            // 5 went before 3; the others are connected.
            try await store.leave(5, expirySeconds: 2_000_000)
            try await store.leave(3, expirySeconds: 60)
            #expect(try await store.create(id: 1_001, user: 1, clientID: [201]) == [5])
            #expect(try await store.create(id: 1_002, user: 1, clientID: [202]) == [3])
            // An own old session under the same client id makes room by itself.
            #expect(try await store.create(id: 1_003, user: 1, clientID: [202]) == [])
            #expect(try await store.create(id: 1_004, user: 2, clientID: [1]) == [])
            #expect(try await store.create(id: 1_005, user: 1, clientID: [203]) == nil, "all are connected")
            #expect(try await store.load(user: 1, clientID: [203]) == nil)
            // Of those one is not really there: its hub has crashed.
            let ids = try await database.query(
                "SELECT client_id FROM mqtt_sessions WHERE user_id = 1 AND client_id <> '\\xC9'")
            let connected = (0..<ids.count).map { ids.bytes($0, 0) }
            #expect(try await store.markAbsent(ofUser: 1, but: connected))
            #expect(try await store.create(id: 1_005, user: 1, clientID: [203]) == [1_001])
            #expect(try await !store.markAbsent(ofUser: 1, but: connected + [[203]]))
        }
    }
}
