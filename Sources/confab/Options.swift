import Broker
import Glibc
import Persistence
import Transport

/// The command line of `confab serve` (protocol.md §5). Every flag can come from the environment as `CONFAB_…` too; the flag wins.
struct Options: CommandOptions {
    /// A listener's port: off, a free one (0), or a number.
    enum Port: Equatable {
        case off
        case number(UInt16)
    }

    enum PublishWait: Equatable {
        case seconds(Int64)
        case forever

        static let secondsMax: Int64 = 86_400

        var milliseconds: Int64 {
            switch self {
            case .seconds(let seconds): seconds * 1_000
            case .forever: .max
            }
        }
    }

    var data = "./data"
    var database: String?
    var mqtts = Port.number(8883)
    var mqtt = Port.off
    var https = Port.number(8443)
    var http = Port.off
    var ops = Port.number(9464)
    var bind: String?
    var tlsCertificate: String?
    var tlsKey: String?
    var publicURL: String?
    var origins: Set<WebOrigin> = []
    /// Files that name outside issuers.
    var issuers: [String] = []
    /// Listeners behind a proxy that says for whom each connection is.
    var proxyProtocol: Set<Worker.Door> = []
    /// How long publishes wait for a database that is away before they are refused.
    var publishWait = PublishWait.seconds(30)
    /// How often things may be done.
    var limits = RateLimits.builtIn
    /// Takes mails as sendmail(8) does: the program and its arguments; nil: the hub sends none.
    var mailCommand: MailCommand?
    var mailFrom: String?
    /// Whose X-Forwarded-For counts.
    var trustedProxies: Set<AddressRange> = []
    /// What the command line says of it.
    var retentionGiven: [TopicKind: RetentionLimit] = [:]
    /// Of one attachment, and of all of a user.
    var attachmentBytesMax: Int64 = 25 << 20
    var attachmentQuotaBytes: Int64 = 1 << 30
    var reactors = max(1, min(Options.reactorsMax, sysconf(Int32(_SC_NPROCESSORS_ONLN))))
    /// A folder with Swagger UI; nil: where it is installed.
    var swaggerUI: String?
    var anonymous = false
    var anonymousIsForced = false
    var hasHints = false

    static let reactorsMax = 64
    /// 1 TiB: what stands behind an attachment counts its chunks in 32 bits.
    static let attachmentBytesLimit: Int64 = 1 << 40

    static let repeatable: Set<String> = ["origin", "retention", "issuers", "trusted-proxy"]
    static let flags: [Flag] = [
        ("data", "DIR", "keys, certificate, the hub's own database (./data)"),
        ("database", "URL", "libpq connection string; without it the hub runs its own PostgreSQL under DIR"),
        ("mqtts", "PORT", "MQTT over TLS (8883)"),
        ("mqtt", "PORT", "MQTT over plain TCP (off)"),
        ("https", "PORT", "REST, and MQTT over WebSocket at /mqtt (8443)"),
        ("http", "PORT", "the same without TLS, for a TLS-terminating proxy (off)"),
        ("ops", "PORT", "/healthz, /readyz, /metrics, on loopback (9464)"),
        ("bind", "ADDRESS", "IP address of the public listeners (all)"),
        ("tls-cert", "FILE", "certificate chain, PEM (self-signed, in DIR); read again on SIGHUP"),
        ("tls-key", "FILE", "its key, PEM"),
        ("public-url", "URL", "issuer and audience of the hub's tokens (https://localhost:PORT)"),
        ("origin", "URL", "a web page's origin that may connect, beside public-url's own; may be repeated"),
        ("issuers", "FILE", "JSON file of issuers whose tokens count too; read again on SIGHUP; may be repeated"),
        (
            "proxy-protocol", "LISTENERS",
            "mqtts,mqtt,https,http: each connection begins with a PROXY protocol header (v1, v2)"
        ),
        (
            "publish-wait", "SECONDS",
            "how long publishes wait for a database that is away before they are refused: 0 to 86400, or forever (30)"
        ),
        (
            "retention", "LIMITS",
            "what is kept, such as direct=365d,group=90d,group=100000 (all of inbox, direct, group; filter=30d,filter=1000000)"
        ),
        ("attachment-bytes-max", "BYTES", "the largest attachment (26214400: 25 MiB)"),
        ("attachment-quota-bytes", "BYTES", "all attachments of a user together (1073741824: 1 GiB)"),
        (
            "trusted-proxy", "CIDR",
            "proxies, such as 10.0.0.0/8, whose X-Forwarded-For says where an HTTP client is; may be repeated"
        ),
        (
            "mail-command", "CMD",
            "a program with the interface of sendmail, such as '/usr/sbin/sendmail -t'; without it no mail is sent"
        ),
        ("mail-from", "ADDRESS", "the sender of mails (no-reply@ and public-url's host)"),
        (
            "limits", "FILE",
            "JSON file of limits on log-ins, sign-ups, messages, connections … that are not to be the built-in ones; off: none, for tests"
        ),
        ("swagger-ui", "DIR", "Swagger UI 5, for /docs (share/confab/swagger-ui beside the program's folder)"),
        ("reactors", "N", "event loop threads (one per core)"),
        ("anonymous", "", "clients without credentials may use every plain topic; loopback only, unless =force"),
        ("hints", "", "print what to try next"),
    ]

    var problem: String? {
        (tlsCertificate == nil) == (tlsKey == nil) ? nil : "--tls-cert and --tls-key go together"
    }

    mutating func set(_ name: String, _ value: String) -> String? {
        switch name {
        case "data": data = value
        case "database": database = value
        case "mqtts": return setPort(\.mqtts, value)
        case "mqtt": return setPort(\.mqtt, value)
        case "https": return setPort(\.https, value)
        case "http": return setPort(\.http, value)
        case "ops": return setPort(\.ops, value)
        case "bind":
            guard Self.isIPAddress(value) else { return "an IP address, such as 127.0.0.1 or ::1" }
            bind = value
        case "tls-cert": tlsCertificate = value
        case "tls-key": tlsKey = value
        case "public-url": publicURL = value.hasSuffix("/") ? String(value.dropLast()) : value
        case "origin":
            for text in value.split(separator: ",") {
                guard let origin = WebOrigin(text.hasSuffix("/") ? String(text.dropLast()) : String(text)) else {
                    return "an origin like https://chat.example.com"
                }
                origins.insert(origin)
            }
        case "issuers": issuers += value.split(separator: ",").map(String.init)
        case "proxy-protocol":
            proxyProtocol = []
            for name in value.split(separator: ",") where name != "off" {
                guard let door = Worker.Door.allCases.first(where: { "\($0)" == name }), door != .ops else {
                    return "a list of mqtts, mqtt, https, http"
                }
                proxyProtocol.insert(door)
            }
        case "retention": return addRetention(value)
        case "trusted-proxy":
            for text in value.split(separator: ",") {
                guard let range = AddressRange(String(text)) else {
                    return "an address range like 10.0.0.0/8 or 2001:db8::/32, without bits behind the prefix"
                }
                trustedProxies.insert(range)
            }
        case "mail-command":
            guard let command = MailCommand(value) else { return "a program that is there, and its arguments" }
            mailCommand = command
        case "mail-from":
            guard value.contains("@"), !value.contains(where: { "<>\"\r\n ".contains($0) }) else {
                return "an e-mail address"
            }
            mailFrom = value
        case "limits":
            return setLimits(value)
        case "publish-wait":
            if value == "forever" {
                publishWait = .forever
            } else {
                guard let seconds = Int64(value), 0...PublishWait.secondsMax ~= seconds else {
                    return "seconds from 0 to \(PublishWait.secondsMax), or forever"
                }
                publishWait = .seconds(seconds)
            }
        case "swagger-ui": swaggerUI = value
        case "attachment-bytes-max": return setBytes(\.attachmentBytesMax, value)
        case "attachment-quota-bytes": return setBytes(\.attachmentQuotaBytes, value)
        case "reactors":
            guard let number = Int(value), 1...Self.reactorsMax ~= number else {
                return "a number from 1 to \(Self.reactorsMax)"
            }
            reactors = number
        case "anonymous":
            guard ["on", "off", "force"].contains(value) else { return "on, off or force" }
            anonymous = value != "off"
            anonymousIsForced = value == "force"
        case "hints":
            guard ["on", "off"].contains(value) else { return "on or off" }
            hasHints = value == "on"
        default: preconditionFailure("every flag is handled")
        }
        return nil
    }

    private static func isIPAddress(_ text: String) -> Bool {
        var bytes = in6_addr()
        return inet_pton(AF_INET, text, &bytes) == 1 || inet_pton(AF_INET6, text, &bytes) == 1
    }

    private mutating func setBytes(_ bytes: WritableKeyPath<Options, Int64>, _ value: String) -> String? {
        guard let number = Int64(value), 1...Self.attachmentBytesLimit ~= number else {
            return "bytes from 1 to \(Self.attachmentBytesLimit)"
        }
        self[keyPath: bytes] = number
        return nil
    }

    private mutating func setPort(_ port: WritableKeyPath<Options, Port>, _ value: String) -> String? {
        if value == "off" {
            self[keyPath: port] = .off
        } else if !value.hasPrefix("+"), let number = UInt16(value) {
            self[keyPath: port] = .number(number)
        } else {
            return "a port (0 to 65535, 0 takes a free one) or off"
        }
        return nil
    }

    static var usage: String {
        """
        usage: confab serve [flags]    run the hub
               confab token [flags]    print an access token, signed with the hub's key; --help lists its flags
               confab user ACTION …    list, show and change accounts; --help tells more
               confab help             show this

        Flags of `confab serve`, and their defaults:

        \(flagList)
        PORT is a number, 0 for a free one, or off. Each flag can come from the environment, --public-url as CONFAB_PUBLIC_URL; the flag
        wins. SIGTERM and SIGINT stop the hub and its PostgreSQL, SIGHUP reads the certificate and the issuers again.
        Exit codes: 0 stopped, 1 failure, 64 wrong usage.

        """
    }
}
