import Diagnostics
import Identity
import Persistence
import RestBridge

/// Hands the mails of the outbox to the mail command, one after the other.
struct Postman: Sendable {
    /// How often the outbox is looked into while nothing is in it.
    private static let pauseMilliseconds = 1_000

    private let outbox: MailOutbox
    private let box: SecretBox
    private let command: MailCommand
    private let logger: Logger

    init(_ outbox: MailOutbox, _ box: SecretBox, _ command: MailCommand, _ logger: Logger) {
        self.outbox = outbox
        self.box = box
        self.command = command
        self.logger = logger
    }

    func start() -> Task<Void, Never> {
        Task {
            while !Task.isCancelled {
                if await deliverNext() { continue }
                try? await Task.sleep(for: .milliseconds(Self.pauseMilliseconds))
            }
        }
    }

    /// - Returns: whether there was one.
    private func deliverNext() async -> Bool {
        do throws(DatabaseError) {
            guard let mail = try await outbox.take() else { return false }
            guard let message = box.open(mail.message, context: Mailer.context(recipient: mail.recipient)) else {
                logger.error("mail \(mail.id) was sealed with another key, so it is dropped")
                try await outbox.sent(mail)
                return true
            }
            switch await deliver(message, to: mail.recipient) {
            case .delivered: try await outbox.sent(mail)
            case .failed(let reason):
                logger.warning("mail \(mail.id) could not be sent, attempt \(mail.attempts + 1): \(reason)")
                try await outbox.failed(mail)
            }
            return true
        } catch {
            // The database is away, which others tell; the mail is still there.
            return false
        }
    }

    private func deliver(_ message: [UInt8], to recipient: String) async -> MailCommand.Outcome {
        await withCheckedContinuation { continuation in
            startThread("mail") { continuation.resume(returning: command.deliver(message, to: recipient)) }
        }
    }
}
