import Identity

/// What the API protects accounts with.
package struct AccountSecurity: Sendable {
    package var box: SecretBox
    /// Nil: the hub sends no mail.
    package var mailer: Mailer?
    /// `--limits off`: passwords and codes may be guessed as fast as they can be checked.
    package var limitsAreOff: Bool
    package var proxies: TrustedProxies
    /// How authenticator apps call the hub.
    package var hubName: String

    package init(box: SecretBox, mailer: Mailer?, limitsAreOff: Bool, proxies: TrustedProxies, hubName: String) {
        self.box = box
        self.mailer = mailer
        self.limitsAreOff = limitsAreOff
        self.proxies = proxies
        self.hubName = hubName
    }
}
