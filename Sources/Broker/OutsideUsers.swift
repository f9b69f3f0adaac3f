import Identity
import Persistence
import Synchronization

/// Where the users of outside issuers are kept; tests replace it by memory.
package protocol SubjectSource: Sendable {
    func userID(issuer: String, subject: String) async throws(DatabaseError) -> Int64?
    func userID(
        issuer: String, subject: String, orMake user: SubjectStore.NewUser
    ) async throws(DatabaseError) -> Int64
}

extension SubjectStore: SubjectSource {}

/// Which users the tokens of outside issuers mean. What was read once is kept, for whom a subject means never changes. May be used on any
/// thread.
package final class OutsideUsers: Sendable {
    /// By `OutsideSubject.key`. When the newer half is full, the older one is forgotten; what is asked for becomes new again.
    private struct Known {
        var newer: [[UInt8]: Int64] = [:]
        var older: [[UInt8]: Int64] = [:]
    }

    private let source: any SubjectSource
    private let known = Mutex(Known())
    private let halfCount: Int

    package convenience init(source: any SubjectSource) {
        self.init(source: source, knownMax: Limits.knownSubjectsMax)
    }

    init(source: any SubjectSource, knownMax: Int) {
        self.source = source
        halfCount = knownMax / 2
    }

    /// The claims of a token, as far as no question to the database is needed.
    func knownClaims(of token: VerifiedToken) -> Claims? {
        switch token {
        case .user(let claims): claims
        case .outsider(let token): knownUser(token.subject.key).map(token.claims)
        }
    }

    /// The claims of a token, whose user is made if this is the first that is seen of it.
    package func claims(of token: VerifiedToken) async throws(DatabaseError) -> Claims {
        if let claims = knownClaims(of: token) { return claims }
        guard case .outsider(let token) = token else { preconditionFailure("others name their users") }
        let subject = token.subject
        let userID = try await source.userID(
            issuer: subject.issuer, subject: subject.name,
            orMake: SubjectStore.NewUser(username: subject.username, displayName: subject.displayName))
        note(userID, subject.key)
        return token.claims(ofUser: userID)
    }

    /// The claims of a token; nil if its user was never seen.
    func existingClaims(of token: VerifiedToken) async throws(DatabaseError) -> Claims? {
        if let claims = knownClaims(of: token) { return claims }
        guard case .outsider(let token) = token else { preconditionFailure("others name their users") }
        let subject = token.subject
        guard let userID = try await source.userID(issuer: subject.issuer, subject: subject.name) else { return nil }
        note(userID, subject.key)
        return token.claims(ofUser: userID)
    }

    // MARK: What is known

    private func knownUser(_ key: [UInt8]) -> Int64? {
        let (userID, isOlder) = known.withLock { known in
            known.newer[key].map { ($0, false) } ?? (known.older[key], true)
        }
        if let userID, isOlder { note(userID, key) }
        return userID
    }

    private func note(_ userID: Int64, _ key: [UInt8]) {
        known.withLock { known in
            if known.newer.count >= halfCount { known = Known(newer: [:], older: known.newer) }
            known.newer[key] = userID
        }
    }

    /// How many are kept.
    var knownCount: Int { known.withLock { $0.newer.count + $0.older.count } }
}
