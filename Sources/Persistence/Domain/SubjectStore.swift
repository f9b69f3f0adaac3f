/// Users of outside issuers, by what their tokens call them.
package struct SubjectStore: Sendable {
    let context: DomainContext

    package init(context: DomainContext) { self.context = context }

    /// What a new user is called, as far as its token says so.
    package struct NewUser: Sendable {
        package var username: String?
        package var displayName: String?

        /// - Parameter username: in lower case, and a user name by the rules.
        package init(username: String?, displayName: String?) {
            self.username = username
            self.displayName = displayName
        }
    }

    /// nil: no user has been made yet.
    package func userID(issuer: String, subject: String) async throws(DatabaseError) -> Int64? {
        let rows = try await context.database.query(
            "SELECT user_id FROM outside_subjects WHERE issuer = $1 AND subject = $2", [.text(issuer), .text(subject)])
        return rows.count == 0 ? nil : rows.int(0, 0)
    }

    /// The user of a subject; made, with its inbox, if there is none. Such a user has neither password nor e-mail address.
    package func userID(
        issuer: String, subject: String, orMake user: NewUser
    ) async throws(DatabaseError) -> Int64 {
        if let id = try await userID(issuer: issuer, subject: subject) { return id }
        let context = context
        return try await context.change { transaction in
            let id = context.ids.next()
            let bound = try await transaction.query(
                """
                INSERT INTO outside_subjects (issuer, subject, user_id) VALUES ($1, $2, $3)
                ON CONFLICT DO NOTHING
                """, [.text(issuer), .text(subject), .int(id)])
            guard bound.affected == 1 else {
                // Somebody else was faster, and has committed. A statement sees what was committed before it began.
                let rows = try await transaction.query(
                    "SELECT user_id FROM outside_subjects WHERE issuer = $1 AND subject = $2",
                    [.text(issuer), .text(subject)])
                return Change(result: rows.int(0, 0))
            }
            try await Self.insert(user, id: id, in: transaction)
            return Change(result: id)
        }
    }

    /// Under the name that it wants, if nobody has it, or else one that is made up.
    private static func insert(_ user: NewUser, id: Int64, in transaction: Transaction) async throws {
        var name = user.username ?? madeUpName()
        for _ in 0..<Self.attemptsMax {
            let rows = try await transaction.query(
                """
                INSERT INTO users (id, username, display_name) VALUES ($1, $2, $3)
                ON CONFLICT ON CONSTRAINT users_username DO NOTHING
                """, [.int(id), .text(name), .text(user.displayName ?? name)])
            if rows.affected == 1 {
                _ = try await transaction.query("INSERT INTO topics (id, kind) VALUES ($1, 1)", [.int(id)])
                return
            }
            name = madeUpName()
        }
        preconditionFailure("random names repeat themselves")
    }

    /// The wanted one, then those that are made up: that two of these are taken does not happen.
    private static let attemptsMax = 4

    /// `user-` and 60 random bits in base 32.
    private static func madeUpName() -> String {
        let digits = String(UInt64.random(in: 0..<1 << 60), radix: 32)
        return "user-" + String(repeating: "0", count: 12 - digits.utf8.count) + digits
    }
}
