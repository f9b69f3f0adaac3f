import Testing

@testable import Persistence

/// Accounts and profiles.
struct UserStoreTests {
    @Test func namesAreTakenOnce() async throws {
        try await DomainFixture.with { fixture in
            _ = try await fixture.user("anna")
            let table = [
                ("anna", "other@example.org", "usernameTaken"), ("other", "anna@example.org", "emailTaken"),
                ("third", "third@example.org", "created"),
            ]
            for (username, email, expected) in table {
                let outcome = try await fixture.users.signUp(
                    UserStore.NewAccount(
                        username: username, email: email, passwordHash: "h", displayName: username),
                    session: NewLoginSession(client: "", address: "", refreshHash: Array(username.utf8)))
                #expect("\(outcome)".hasPrefix(expected), "\(outcome)")
            }
        }
    }

    @Test func credentialsByNameOrAddress() async throws {
        try await DomainFixture.with { fixture in
            let anna = try await fixture.user("anna")
            let users = fixture.users
            #expect(try await users.credentials(username: "anna", email: nil)?.userID == anna)
            #expect(try await users.credentials(username: nil, email: "anna@example.org")?.userID == anna)
            #expect(try await users.credentials(username: "anna@example.org", email: nil) == nil)
            #expect(try await users.credentials(username: "berta", email: nil) == nil)
            try await users.rehash(anna, from: "hash of anna", to: "new")
            try await users.rehash(anna, from: "hash of anna", to: "too late")
            #expect(try await users.credentials(username: "anna", email: nil)?.passwordHash == "new")
            _ = try await fixture.database.query("UPDATE users SET disabled_at = 1 WHERE id = $1", [.int(anna)])
            #expect(try await users.credentials(username: "anna", email: nil) == nil)
        }
    }

    @Test func profilesHaveVersions() async throws {
        try await DomainFixture.with { fixture in
            let anna = try await fixture.user("anna")
            let users = fixture.users
            let change = UserStore.ProfileChange(displayName: "Änne", bio: "hi")
            let outcome = try await users.updateProfile(anna, change, ifVersionIn: [1])
            guard case .done(let changed) = outcome else { throw try #require(nil as DatabaseError?) }
            #expect(changed.version == 2 && changed.user.displayName == "Änne" && changed.user.bio == "hi")
            #expect(try await users.updateProfile(anna, change, ifVersionIn: [1]) == .stale)
            #expect(try await users.updateProfile(anna, change, ifVersionIn: []) == .stale)
            let same = try await users.updateProfile(anna, UserStore.ProfileChange(), ifVersionIn: [1, 2])
            #expect(same == outcome, "nothing changed, so neither did the version")
        }
    }

    @Test func foundByPrefix() async throws {
        try await DomainFixture.with { fixture in
            _ = try await fixture.users("anna", "anna.b", "anna_c", "ann", "zoe")
            let table: [(String, String, Int, [String])] = [
                ("ann", "", 9, ["ann", "anna", "anna.b", "anna_c"]), ("anna", "", 2, ["anna", "anna.b"]),
                ("anna", "anna.b", 2, ["anna_c"]), ("anna_", "", 9, ["anna_c"]), ("x", "", 9, []),
            ]
            for (prefix, cursor, limit, expected) in table {
                let found = try await fixture.users.users(withPrefix: prefix, after: cursor, limit: limit)
                #expect(found.map(\.username) == expected, "\(prefix)")
            }
        }
    }
}
