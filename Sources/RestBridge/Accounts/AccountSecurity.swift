import Broker
import Identity
import Transport

/// What the API protects accounts with.
package struct AccountSecurity: Sendable {
    package var box: SecretBox
    /// Nil: the hub sends no mail.
    package var mailer: Mailer?
    package var limits: RateLimits
    /// What users may publish, counted together with MQTT.
    package var allowances: PublishAllowances
    package var proxies: TrustedProxies
    /// Web pages that may call the API, beside the hub's own.
    package var origins: Set<WebOrigin>
    /// How authenticator apps call the hub.
    package var hubName: String

    package init(
        box: SecretBox, mailer: Mailer?, limits: RateLimits, allowances: PublishAllowances, proxies: TrustedProxies,
        origins: Set<WebOrigin>, hubName: String
    ) {
        self.box = box
        self.mailer = mailer
        self.limits = limits
        self.allowances = allowances
        self.proxies = proxies
        self.origins = origins
        self.hubName = hubName
    }
}
