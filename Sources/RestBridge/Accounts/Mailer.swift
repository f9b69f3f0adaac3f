import Identity
import Persistence
import Synchronization

/// Writes the mails of accounts into the outbox. There is one only where mail can be sent.
package final class Mailer: Sendable {
    /// What is mailed in the background waits for the database; so many at a time.
    private static let waitingMax = 100

    private let box: SecretBox
    private let sender: String
    private let hubName: String
    private let waiting = Atomic<Int>(0)

    /// - Parameters:
    ///   - sender: the address that mails come from.
    ///   - hubName: how the hub calls itself in mails.
    package init(box: SecretBox, sender: String, hubName: String) {
        self.box = box
        self.sender = sender
        self.hubName = hubName
    }

    /// What the sealed messages of the outbox belong to.
    package static func context(recipient: String) -> String { "mail to \(recipient)" }

    func letter(_ purpose: MailedCodeStore.Purpose, to recipient: String) -> MailedCodeStore.Letter {
        let code = Secrets.mailedCode()
        let message = Array(text(purpose, code, to: recipient).utf8)
        return MailedCodeStore.Letter(
            purpose: purpose, hash: Secrets.digest(ofMailedCode: code), recipient: recipient,
            message: box.seal(message, context: Self.context(recipient: recipient)))
    }

    /// RFC 5322; the mail command adds Date and Message-ID.
    private func text(_ purpose: MailedCodeStore.Purpose, _ code: String, to recipient: String) -> String {
        let (subject, purposeText, lifetime) =
            switch purpose {
            case .verifyAddress: ("Confirm your e-mail address", "to confirm that this is your e-mail address", "a day")
            case .resetPassword: ("Reset your password", "to set a new password", "30 minutes")
            }
        return """
            From: "\(hubName)" <\(sender)>
            To: \(recipient)
            Subject: \(subject)
            MIME-Version: 1.0
            Content-Type: text/plain; charset=utf-8
            Content-Transfer-Encoding: 8bit
            Auto-Submitted: auto-generated

            This is your code for \(hubName), \(purposeText):

            \(code)

            It is good for \(lifetime), and once. If you did not ask for it, do nothing.

            """
    }

    /// Does something that its caller does not wait for, so that the answer's duration tells nothing.
    /// - Returns: false if too much waits.
    func inBackground(_ work: @escaping @Sendable () async -> Void) -> Bool {
        guard waiting.add(1, ordering: .relaxed).newValue <= Self.waitingMax else {
            waiting.subtract(1, ordering: .relaxed)
            return false
        }
        Task {
            await work()
            waiting.subtract(1, ordering: .relaxed)
        }
        return true
    }
}
