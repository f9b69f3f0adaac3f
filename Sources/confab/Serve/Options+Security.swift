import Broker
import Identity
import RestBridge

extension Options {
    /// The host of the hub's own URL: its name in mails and in authenticator apps.
    var hubName: String {
        let rest = issuer.split(separator: "/", omittingEmptySubsequences: true).dropFirst().first ?? ""
        let host = rest.prefix { $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "." || $0 == "-") }
        return host.isEmpty ? "localhost" : String(host)
    }

    func security(_ box: SecretBox, _ allowances: PublishAllowances) -> AccountSecurity {
        let mailer = mailCommand.map { _ in
            Mailer(box: box, sender: mailFrom ?? "no-reply@\(hubName)", hubName: hubName)
        }
        return AccountSecurity(
            box: box, mailer: mailer, limits: limits, allowances: allowances,
            proxies: TrustedProxies(Array(trustedProxies)), origins: origins, hubName: hubName)
    }
}
