import Identity

/// `confab token` (protocol.md §5): an access token signed with the hub's own key, whether the hub runs or not. It belongs to no log-in
/// session: what it opens ends with it, and nothing ends it before but the account's end.
struct TokenCommand: CommandOptions {
    struct Failure: Error, CustomStringConvertible {
        var description: String
    }

    /// Ten years. Who writes more has written milliseconds.
    static let lifetimeSecondsMax: Int64 = 10 * 366 * 86_400
    private static let scopeNames = "user, bot, service, admin"

    static let flags: [Flag] = [
        ("user", "ID", "whose token it is, by the id that sign-up and GET /profile show; required"),
        ("scope", "NAMES", "what it is for: \(scopeNames), separated by spaces (user)"),
        ("acl", "JSON", #"rights on plain topics, {"pub":[…],"sub":[…],"all":[…],"deny":[…]} (none)"#),
        ("lifetime", "SECONDS", "for how long it is valid (\(TokenAuthority.accessTokenSeconds))"),
        ("data", "DIR", "the hub's --data, which has the keys (./data)"),
        ("public-url", "URL", "the hub's --public-url, if it has one"),
        ("https", "PORT", "the hub's --https, whose port the issuer's name has otherwise (8443)"),
        ("http", "PORT", "the hub's --http, if its --https is off (off)"),
    ]
    /// Whom a token is for, and what it allows, is said where it is made.
    static let commandLineOnly: Set<String> = ["user", "scope", "acl", "lifetime"]

    /// 0: missing.
    var userID: Int64 = 0
    var scopes: Scopes = .user
    var acl: AccessList?
    var lifetimeSeconds = TokenAuthority.accessTokenSeconds
    /// As the hub was started, as far as its tokens show it.
    var hub = Options()

    /// - Parameter now: Unix seconds.
    func mint(now: Int64) throws -> String {
        let authority = try TokenAuthority(existing: hub.data, issuer: hub.issuer)
        let token = authority.mint(
            userID: userID, sessionID: nil, scopes: scopes, acl: acl, lifetimeSeconds: lifetimeSeconds, now: now)
        guard token.utf8.count <= TokenAuthority.tokenBytesMax else {
            throw Failure(
                description: "the acl is too long: the token has \(token.utf8.count) bytes, "
                    + "and the hub takes \(TokenAuthority.tokenBytesMax)")
        }
        return token
    }

    var problem: String? { userID == 0 ? "--user: ID is missing" : nil }

    mutating func set(_ name: String, _ value: String) -> String? {
        switch name {
        case "user":
            guard let id = Int64(value), id > 0, String(id) == value else {
                return "a user's id: a positive number without leading zeros"
            }
            userID = id
        case "scope":
            guard let scopes = Scopes(validating: value) else { return "\(Self.scopeNames), separated by spaces" }
            self.scopes = scopes
        case "acl":
            do throws(TokenError) { acl = try AccessList(parsing: value) } catch {
                return #"a JSON object like {"pub":["app/${sub}/#"],"sub":["app/#"],"all":[],"deny":[]}"#
            }
            if let pattern = acl?.unusablePattern {
                return "\(pattern): no topic filter; ${sub} and ${clientid} are the variables"
            }
        case "lifetime":
            guard let seconds = Int64(value), 1...Self.lifetimeSecondsMax ~= seconds, String(seconds) == value else {
                return "a number of seconds from 1 to \(Self.lifetimeSecondsMax)"
            }
            lifetimeSeconds = seconds
        default: return hub.set(name, value)
        }
        return nil
    }

    static var usage: String {
        """
        usage: confab token --user ID [flags]    print an access token, signed with the hub's key

        Flags, and their defaults:

        \(flagList)
        The token is a password for MQTT, and for HTTP what follows `Bearer`. A connection that it opened ends when it expires. The last
        four flags say where the hub's keys are and how it names itself; they can come from the environment, as for `confab serve`.
        Exit codes: 0 printed, 1 failure, 64 wrong usage.

        """
    }
}
