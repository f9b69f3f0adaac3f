import Synchronization

@testable import Broker
@testable import Persistence

/// Users of outside issuers in memory.
final class TestSubjects: SubjectSource {
    private struct State {
        var users: [[UInt8]: Int64] = [:]
        var questions = 0
        var isAway = false
    }

    private let state = Mutex(State())
    let lookups = Gate()
    /// Of the first user that is made; the next ones count up.
    static let firstID: Int64 = 100

    /// How often it was asked.
    var questions: Int { state.withLock { $0.questions } }
    var count: Int { state.withLock { $0.users.count } }

    func setAway(_ isAway: Bool) { state.withLock { $0.isAway = isAway } }
    func set(_ user: Int64, issuer: String, subject: String) {
        state.withLock { $0.users[Self.key(issuer, subject)] = user }
    }

    func userID(issuer: String, subject: String) async throws(DatabaseError) -> Int64? {
        await lookups.pass()
        return try state.withLock { state throws(DatabaseError) in
            state.questions += 1
            if state.isAway { throw .unavailable("away") }
            return state.users[Self.key(issuer, subject)]
        }
    }

    func userID(
        issuer: String, subject: String, orMake user: SubjectStore.NewUser
    ) async throws(DatabaseError) -> Int64 {
        if let id = try await userID(issuer: issuer, subject: subject) { return id }
        return state.withLock { state in
            let id = state.users[Self.key(issuer, subject)] ?? Self.firstID + Int64(state.users.count)
            state.users[Self.key(issuer, subject)] = id
            return id
        }
    }

    private static func key(_ issuer: String, _ subject: String) -> [UInt8] {
        Array(issuer.utf8) + [0] + Array(subject.utf8)
    }
}
