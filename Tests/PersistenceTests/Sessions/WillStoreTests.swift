import Testing

@testable import Persistence

@Suite struct WillStoreTests {
    private func with(_ body: (WillStore, Database) async throws -> Void) async throws {
        try await TestDatabase.with { (test) async throws in
            try await body(WillStore(test.database), test.database)
        }
    }

    private func will(
        _ id: Int64, user: Int64 = 1, client: [UInt8] = [7], delay: Int64 = 0, session: Int64 = 0
    ) -> StoredWill {
        StoredWill(
            id: id, userID: user, clientID: client, delaySeconds: delay, sessionSeconds: session, topic: [0x61],
            payload: [0, 255], qos: 1, retain: false, expirySeconds: nil, properties: [], rules: nil)
    }

    private func connect(
        _ store: WillStore, _ will: StoredWill, continuesSession: Bool = false, now: Int64 = 0
    ) async throws -> Bool {
        try await store.connect(
            user: will.userID, clientID: will.clientID, continuesSession: continuesSession, will: will, now: now)
    }

    private func dueIDs(_ store: WillStore, _ now: Int64, except: [Int64] = []) async throws -> [Int64] {
        try await store.due(at: now, except: except, limit: 10).map(\.id)
    }

    @Test func whatWasKeptIsRead() async throws {
        try await with { (store, _) async throws in
            var full = will(10, client: [0xC3, 0xBC, 0], delay: 4_294_967_295, session: 2_592_000)
            full.retain = true
            full.qos = 2
            full.expirySeconds = 4_294_967_295
            full.topic = Array(repeating: 0x61, count: 65_535)
            full.payload = Array(repeating: 1, count: 65_535)
            full.properties = [1, 1]
            full.rules = Array("{}".utf8)
            let plain = will(11, user: 0)
            for will in [full, plain] { #expect(try await !connect(store, will)) }
            #expect(try await dueIDs(store, .max) == [])
            try await store.setRules([0x31], of: 10)
            full.rules = [0x31]
            try await store.record(
                WillChanges(due: [.init(id: 10, at: 5), .init(id: 11, at: 4), .init(id: 12, at: 1)]))
            #expect(try await store.due(at: 5, except: [], limit: 10) == [plain, full])
            #expect(try await store.due(at: 5, except: [], limit: 1) == [plain])
            #expect(try await store.due(at: 4, except: [], limit: 10) == [plain])
            #expect(try await dueIDs(store, 5, except: [11, 12]) == [10])
            #expect(try await store.nextDue(except: []) == 4)
            #expect(try await store.nextDue(except: [11]) == 5)
            #expect(try await store.nextDue(except: [11, 10]) == nil)
            try await store.setEntries([(11, 70), (12, 71)])
            #expect(try await store.due(at: 4, except: [], limit: 1).first?.entryID == 70)
            try await store.setRules(nil, of: 10)
            try await store.record(WillChanges(gone: [11, 12]))
            let left = try await store.due(at: 5, except: [], limit: 10)
            #expect(left.map(\.id) == [10] && left[0].rules == nil)
        }
    }

    struct Return {
        /// Of the will that is there; nil: its connection stands.
        var dueAt: Int64?
        var continues: Bool
        var isSameClient = true
        /// The will is due at 100.
        var isDue: Bool
        /// It is still there.
        var isKept: Bool
        var answer: Bool
    }

    @Test(arguments: [
        Return(dueAt: 200, continues: true, isDue: false, isKept: false, answer: false),
        Return(dueAt: 200, continues: false, isDue: true, isKept: true, answer: true),
        Return(dueAt: 100, continues: true, isDue: true, isKept: true, answer: false),
        Return(dueAt: 100, continues: false, isDue: true, isKept: true, answer: false),
        Return(dueAt: nil, continues: true, isDue: false, isKept: false, answer: false),
        Return(dueAt: nil, continues: false, isDue: true, isKept: true, answer: true),
        Return(dueAt: 200, continues: true, isSameClient: false, isDue: false, isKept: true, answer: false),
        Return(dueAt: 200, continues: false, isSameClient: false, isDue: false, isKept: true, answer: false),
    ]) func aNewConnection(_ case: Return) async throws {
        try await with { (store, _) async throws in
            for hasWill in [false, true] {
                let old = will(hasWill ? 10 : 20), new = will(11, client: `case`.isSameClient ? [7] : [8])
                _ = try await connect(store, old)
                if let dueAt = `case`.dueAt { try await store.record(WillChanges(due: [.init(id: old.id, at: dueAt)])) }
                let answer = try await store.connect(
                    user: 1, clientID: new.clientID, continuesSession: `case`.continues, will: hasWill ? new : nil,
                    now: 100)
                #expect(answer == `case`.answer)
                #expect(try await dueIDs(store, 100) == (`case`.isDue ? [old.id] : []))
                try await store.endConnections(now: 300)
                let all = (`case`.isKept ? [old.id] : []) + (hasWill ? [new.id] : [])
                #expect(try await Set(dueIDs(store, 300)) == Set(all))
                try await store.record(WillChanges(gone: all))
            }
        }
    }

    /// Delays begin with the next start, those that run go on, and none outlives its session.
    @Test func aCrash() async throws {
        try await with { (store, _) async throws in
            for (id, delay, session) in [(Int64(1), Int64(0), Int64(9)), (2, 5, 9), (3, 9, 5), (4, 5, 0), (5, 5, 9)] {
                _ = try await connect(store, will(id, client: [UInt8(id)], delay: delay, session: session))
            }
            try await store.record(WillChanges(due: [.init(id: 5, at: 3_000)]))
            try await store.endConnections(now: 1_000)
            #expect(try await dueIDs(store, 1_000) == [1, 4])
            #expect(try await dueIDs(store, 3_000) == [1, 4, 5])
            #expect(try await dueIDs(store, 5_999) == [1, 4, 5])
            #expect(try await dueIDs(store, 6_000) == [1, 4, 5, 2, 3])
        }
    }

    @Test func sessionsThatHadToGo() async throws {
        try await with { (store, database) async throws in
            let sessions = SessionStore(database)
            for (id, user) in [(Int64(1), Int64(1)), (2, 1), (3, 2)] {
                _ = try await connect(store, will(id, user: user, client: [UInt8(id)], delay: 9, session: 9))
                try await store.record(WillChanges(due: [.init(id: id, at: 9_000)]))
            }
            _ = try await sessions.create(id: 50, user: 1, clientID: [2])
            #expect(try await store.endDelaysWithoutSession(ofUser: 1, now: 100))
            #expect(try await dueIDs(store, 100) == [1])
            #expect(try await !store.endDelaysWithoutSession(ofUser: 1, now: 100))
        }
    }
}
