import Testing
import Topics

@testable import Persistence

/// Users whom outside issuers brought.
struct SubjectStoreTests {
    private static let nobody = SubjectStore.NewUser(username: nil, displayName: nil)

    @Test func isMadeOnce() async throws {
        try await DomainFixture.with { fixture in
            let store = SubjectStore(context: fixture.context)
            #expect(try await store.userID(issuer: "i", subject: "ann") == nil)
            let ann = SubjectStore.NewUser(username: "ann", displayName: "Ann Bell")
            let id = try await store.userID(issuer: "i", subject: "ann", orMake: ann)
            #expect(try await store.userID(issuer: "i", subject: "ann", orMake: Self.nobody) == id)
            #expect(try await store.userID(issuer: "i", subject: "ann") == id)
            let profile = try await fixture.users.profile(id)
            #expect(profile?.user.username == "ann" && profile?.user.displayName == "Ann Bell")
            #expect(profile?.email == nil && profile?.emailVerified == false && profile?.version == 1)
            #expect(try await fixture.users.credentials(username: "ann", email: nil) == nil, "no password, no log-in")
            let rights = try await fixture.directory.loadRights(userID: id)
            #expect(rights?.isEnabled == true && rights?.inboxLastSeq == 0, "it has an inbox")
            #expect(try await fixture.sessions.standing(of: id) == .person)
        }
    }

    /// Also beside those who signed up themselves.
    @Test func subjectsAreToldApart() async throws {
        try await DomainFixture.with { fixture in
            let store = SubjectStore(context: fixture.context)
            let signedUp = try await fixture.user("ann")
            var ids: Set<Int64> = [signedUp]
            let wanted = SubjectStore.NewUser(username: "ann", displayName: nil)
            for (issuer, subject) in [("i", "ann"), ("j", "ann"), ("i", "Ann"), ("i", "\u{E9}"), ("i", "e\u{301}")] {
                ids.insert(try await store.userID(issuer: issuer, subject: subject, orMake: wanted))
            }
            #expect(ids.count == 6)
            for id in ids where id != signedUp {
                let user = try #require(try await fixture.users.user(id))
                #expect(user.username.wholeMatch(of: /user-[0-9a-v]{12}/) != nil, "\(user.username)")
                #expect(user.displayName == user.username)
            }
            let other = try await store.userID(
                issuer: "i", subject: "bob", orMake: .init(username: "bob", displayName: nil))
            #expect(try await fixture.users.user(other)?.displayName == "bob")
        }
    }

    @Test func manyAtOnceMakeOne() async throws {
        try await DomainFixture.with { fixture in
            let store = SubjectStore(context: fixture.context)
            for round in 0..<10 {
                let ids = try await withThrowingTaskGroup(of: Int64.self) { group in
                    for index in 0..<20 {
                        // Every other one is of another subject that wants the same name.
                        let subject = index % 2 == 0 ? "ann" : "bob"
                        group.addTask {
                            try await store.userID(
                                issuer: "i\(round)", subject: subject,
                                orMake: .init(username: "name\(round)", displayName: nil))
                        }
                    }
                    return try await group.reduce(into: [Int64: Int]()) { $0[$1, default: 0] += 1 }
                }
                #expect(Array(ids.values) == [10, 10])
            }
            let rows = try await fixture.database.query(
                "SELECT count(*), count(*) FILTER (WHERE username LIKE 'name%') FROM users")
            #expect(rows.int(0, 0) == 20 && rows.int(0, 1) == 10)
            let inboxes = try await fixture.database.query("SELECT count(*) FROM topics WHERE kind = 1")
            #expect(inboxes.int(0, 0) == 20)
        }
    }

    /// What could not be finished leaves nothing behind.
    @Test func aFailureLeavesNothing() async throws {
        try await DomainFixture.with { fixture in
            let store = SubjectStore(context: fixture.context)
            _ = try await fixture.database.query("ALTER TABLE topics ADD CONSTRAINT broken CHECK (kind <> 1)")
            await #expect(throws: DatabaseError.self) {
                _ = try await store.userID(issuer: "i", subject: "ann", orMake: Self.nobody)
            }
            _ = try await fixture.database.query("ALTER TABLE topics DROP CONSTRAINT broken")
            let rows = try await fixture.database.query(
                "SELECT (SELECT count(*) FROM users) + (SELECT count(*) FROM outside_subjects)")
            #expect(rows.int(0, 0) == 0)
            #expect(try await store.userID(issuer: "i", subject: "ann", orMake: Self.nobody) > 0)
        }
    }
}
