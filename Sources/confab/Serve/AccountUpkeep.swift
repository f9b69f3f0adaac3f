import Diagnostics
import Persistence

/// What accounts need while the hub runs: what is old is removed, deletions that a crash cut short are finished, and connections of users
/// whom `confab user` has shut out are closed.
struct AccountUpkeep: Sendable {
    private static let noticeMilliseconds = 1_000
    private static let cleaningSeconds = 3_600

    let context: DomainContext
    let logger: Logger

    func start() -> [Task<Void, Never>] {
        let accounts = AccountStore(context: context)
        return [
            Task {
                while !Task.isCancelled {
                    // A database that is away is told of elsewhere; the notices wait.
                    try? await accounts.announceEnded()
                    try? await Task.sleep(for: .milliseconds(Self.noticeMilliseconds))
                }
            },
            Task {
                while !Task.isCancelled {
                    await clean(accounts)
                    try? await Task.sleep(for: .seconds(Self.cleaningSeconds))
                }
            },
        ]
    }

    private func clean(_ accounts: AccountStore) async {
        do throws(DatabaseError) {
            let finished = try await accounts.finishDeletions()
            if finished > 0 { logger.info("finished the deletion of \(finished) accounts") }
            let sessions = try await LoginSessionStore(context: context).purgeEnded()
            if sessions > 0 { logger.info("removed \(sessions) log-in sessions that are over") }
            let tokens = try await BotTokenStore(context: context).purgeExpired()
            if tokens > 0 { logger.info("removed \(tokens) tokens of bots that have expired") }
            _ = try await InviteStore(context: context).purgeOver()
            _ = try await UserStore(context: context).purgeNetworks()
            _ = try await MailedCodeStore(context: context).purgeExpired()
            _ = try await RequestKeyStore(context: context).purgeExpired()
            let mails = try await MailOutbox(context: context).purgeExpired()
            if mails > 0 { logger.warning("dropped \(mails) mails that could not be sent in time") }
        } catch {
            logger.warning("what is old of accounts could not be removed: \(error)")
        }
    }
}
