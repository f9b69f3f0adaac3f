import Identity
import Persistence
import Transport

/// Checks passwords, no faster than `LoginThrottle` allows: first the limit, then the password.
struct PasswordGate: Sendable {
    let users: UserStore
    let hasher: PasswordHasher
    let throttle: LoginThrottle

    /// Of somebody who logs in.
    /// - Returns: nil for an unknown user and for a wrong password, which take the same time.
    func logIn(
        _ password: String, username: String?, email: String?, from network: PeerAddress
    ) async throws -> UserStore.Credentials? {
        let attempt = try await begin(username: username, email: email, from: network)
        let credentials: UserStore.Credentials?
        let matches: Bool, isOutdated: Bool
        do {
            credentials = try await users.credentials(username: username, email: email)
            (matches, isOutdated) = try await hasher.verify(password, against: credentials?.passwordHash)
        } catch {
            throttle.giveBack(attempt)
            throw error
        }
        guard matches, var credentials else { return nil }
        throttle.giveBack(attempt)
        // A hash with outdated parameters still opens the door; if there is no time to renew it now, the next log-in will.
        if isOutdated, let hash = try? await hasher.hash(password) {
            try await users.rehash(credentials.userID, from: credentials.passwordHash, to: hash)
            credentials.passwordHash = hash
        }
        return credentials
    }

    private func begin(
        username: String?, email: String?, from network: PeerAddress
    ) async throws -> LoginThrottle.Attempt {
        let account = username ?? email ?? ""
        switch throttle.begin(account, from: network) {
        case .go(let attempt): return attempt
        case .wait(let milliseconds): throw Problem.tooMany(afterMilliseconds: milliseconds)
        case .ifKnown: break
        }
        let isKnown = try await users.knows(network: "\(network)", username: username, email: email)
        if isKnown, case .go(let attempt) = throttle.begin(account, from: network, isKnownNetwork: true) {
            return attempt
        }
        throw Problem.tooMany(afterMilliseconds: throttle.waitForAccount(account))
    }

    /// Of somebody who has logged in, before something that a stolen token must not do.
    /// - Returns: the hash that it matches; nil: it is wrong.
    func confirm(_ password: String, of userID: Int64, from network: PeerAddress) async throws -> String? {
        // No user name begins like this. Others cannot shut a user out of it: the address is part of the key.
        let verdict = throttle.begin("#\(userID)", from: network, isKnownNetwork: true)
        guard case .go(let attempt) = verdict else {
            guard case .wait(let milliseconds) = verdict else { preconditionFailure("the network counts as known") }
            throw Problem.tooMany(afterMilliseconds: milliseconds)
        }
        let hash: String?
        let matches: Bool
        do {
            hash = try await users.passwordHash(of: userID)
            (matches, _) = try await hasher.verify(password, against: hash)
        } catch {
            throttle.giveBack(attempt)
            throw error
        }
        guard matches else { return nil }
        throttle.giveBack(attempt)
        return hash
    }
}

extension Problem {
    /// 429 (RFC 6585 §4), the same for whatever was too much.
    static func tooMany(afterMilliseconds milliseconds: Int64) -> Problem {
        Problem(
            .tooManyRequests, "Too many of these. Try again later.",
            headers: [("Retry-After", "\(max(1, (milliseconds + 999) / 1000))")])
    }
}
