import Identity
import Persistence

/// Checks codes of second factors: of an authenticator, or recovery codes. Each counts once.
struct SecondFactors: Sendable {
    enum Verdict: Sendable {
        /// The account has no second factor.
        case notNeeded
        case missing, wrong, right
    }

    let store: SecondFactorStore
    let box: SecretBox
    let throttle: LoginThrottle
    /// Unix milliseconds.
    let now: @Sendable () -> Int64

    /// Checks the code that a call brings, if the account needs one; a right one is used up.
    func check(_ code: String?, of userID: Int64) async throws -> Verdict {
        guard let factor = try await store.factor(of: userID), factor.isConfirmed else { return .notNeeded }
        guard let code else { return .missing }
        return try await limited(userID) {
            guard TOTP.isCode(code) else {
                return try await store.useRecoveryCode(RecoveryCode.digest(code), of: userID)
            }
            guard let step = step(of: code, factor, userID) else { return false }
            return try await store.accept(step: step, of: userID)
        } ? .right : .wrong
    }

    /// For calls of somebody who is logged in: a code that is missing is as good as a wrong one.
    func demand(_ code: String?, of userID: Int64) async throws {
        switch try await check(code, of: userID) {
        case .notNeeded, .right: return
        case .missing: throw Problem(.invalidOTP, "The account has a second factor: send otp.")
        case .wrong: throw Problem.wrongCode
        }
    }

    /// A new secret, to be confirmed by a code; nil if there is a second factor already.
    func propose(for userID: Int64) async throws -> [UInt8]? {
        let secret = TOTP.newSecret()
        let sealed = box.seal(secret, context: Self.context(userID))
        return try await store.propose(sealed, for: userID) ? secret : nil
    }

    /// The first code of a new secret makes it count.
    /// - Returns: the recovery codes; nil: the code is wrong, or there is nothing to confirm.
    func confirm(_ code: String, of userID: Int64, keeping sessionID: Int64?) async throws -> [String]? {
        guard let factor = try await store.factor(of: userID), !factor.isConfirmed else { return nil }
        let codes = Self.newCodes()
        let isRight = try await limited(userID) {
            guard let step = step(of: code, factor, userID) else { return false }
            return try await store.confirm(
                factor.secret, step: step, recoveryHashes: codes.map(RecoveryCode.digest), of: userID,
                keeping: sessionID)
        }
        return isRight ? codes : nil
    }

    static func newCodes() -> [String] { (0..<RecoveryCode.count).map { _ in RecoveryCode.new() } }

    private func step(of code: String, _ factor: SecondFactorStore.Factor, _ userID: Int64) -> Int64? {
        // Without the key that it was sealed with, a secret is lost: recovery codes still work.
        guard let secret = box.open(factor.secret, context: Self.context(userID)) else { return nil }
        return TOTP.acceptableStep(of: code, secret: secret, now: now() / 1000, after: factor.lastStep)
    }

    /// Counts failures (security.md "TOTP").
    private func limited(_ userID: Int64, _ check: () async throws -> Bool) async throws -> Bool {
        let wait = throttle.take(.factor(user: userID))
        guard wait == 0 else { throw Problem.tooMany(afterMilliseconds: wait) }
        let isRight = try await check()
        if isRight { throttle.giveBack(.factor(user: userID)) }
        return isRight
    }

    private static func context(_ userID: Int64) -> String { "totp \(userID)" }
}

extension Problem {
    static var wrongCode: Problem { Problem(.invalidOTP, "The code is wrong, or was used before.") }

    /// To a log-in it means that there is none: 401.
    static func wrongCode(status: Int) -> Problem {
        var problem = wrongCode
        problem.status = status
        return problem
    }
}
