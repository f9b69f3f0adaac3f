import Glibc
import Identity
import Testing

@testable import confab

/// `confab token` (protocol.md §5).
@Suite struct TokenCommandTests {
    private struct Refused: Error { var text: String }

    private static func parse(_ arguments: [String], _ environment: [String: String] = [:]) -> Parsed<TokenCommand> {
        TokenCommand.parse(arguments, environment: { environment[$0] })
    }

    private func command(_ arguments: [String], _ environment: [String: String] = [:]) throws -> TokenCommand {
        guard case .options(let command) = Self.parse(arguments, environment) else {
            throw Refused(text: "\(Self.parse(arguments, environment))")
        }
        return command
    }

    @Test func defaults() throws {
        let command = try command(["--user", "5100"])
        #expect(command.userID == 5100 && command.scopes == .user && command.acl == nil)
        #expect(command.lifetimeSeconds == TokenAuthority.accessTokenSeconds)
        #expect(command.hub.data == "./data" && command.hub.issuer == "https://localhost:8443")
    }

    @Test func takesEveryFlag() throws {
        let command = try command([
            "--user=\(Int64.max)", "--scope", "user admin", "--acl", #"{"all":["app/${sub}/#"],"deny":["app/+/x"]}"#,
            "--lifetime=2", "--data", "/d", "--public-url", "https://chat.example/", "--https=1", "--http", "2",
        ])
        #expect(command.userID == .max && command.scopes == [.user, .admin] && command.lifetimeSeconds == 2)
        #expect(command.acl == AccessList(all: ["app/${sub}/#"], deny: ["app/+/x"]))
        #expect(command.hub.data == "/d" && command.hub.issuer == "https://chat.example")
    }

    /// The issuer is named as `confab serve` names it: by the same flags, and the same variables.
    @Test(
        arguments: [
            ([], [:], "https://localhost:8443"), (["--https", "0"], [:], "https://localhost"),
            (["--https", "off", "--http", "8080"], [:], "http://localhost:8080"),
            ([], ["CONFAB_HTTPS": "444", "CONFAB_DATA": "/e"], "https://localhost:444"),
            (["--https", "445"], ["CONFAB_HTTPS": "444", "CONFAB_USER": "7"], "https://localhost:445"),
            ([], ["CONFAB_PUBLIC_URL": "https://chat.example"], "https://chat.example"),
        ] as [([String], [String: String], String)])
    func issuer(arguments: [String], environment: [String: String], expected: String) throws {
        let command = try command(["--user", "1"] + arguments, environment)
        #expect(command.hub.issuer == expected && command.userID == 1)
        #expect(command.hub.data == environment["CONFAB_DATA"] ?? "./data")
    }

    @Test(arguments: [
        [], ["5100"], ["--scope", "user"], ["--user"], ["--user", ""], ["--user", "0"], ["--user", "-1"],
        ["--user", "+1"], ["--user", "007"], ["--user", "ann"], ["--user", "9223372036854775808"],
        ["--user", "1", "--scope", "root"], ["--user", "1", "--scope", " "], ["--user", "1", "--scope", "user,admin"],
        ["--user", "1", "--acl", "x"], ["--user", "1", "--acl", "[]"], ["--user", "1", "--acl", #"{"al":["x"]}"#],
        ["--user", "1", "--acl", #"{"all":"x"}"#], ["--user", "1", "--acl", #"{"all":["x"],"all":["y"]}"#],
        ["--user", "1", "--acl", #"{"all":["a/#/b"]}"#], ["--user", "1", "--acl", #"{"deny":["${user}/x"]}"#],
        ["--user", "1", "--lifetime", "0"], ["--user", "1", "--lifetime", "-5"], ["--user", "1", "--lifetime", "10m"],
        ["--user", "1", "--lifetime", "9223372036854775807"], ["--user", "1", "--https", "x"],
        ["--user", "1", "--mqtts", "1"], ["--user", "1", "--data="],
    ])
    func refuses(_ arguments: [String]) {
        guard case .wrong(let problem) = Self.parse(arguments) else {
            Issue.record("taken: \(arguments)")
            return
        }
        #expect(!problem.isEmpty)
    }

    /// Who a token is for never comes from the environment.
    @Test func whatIsAllowedStandsOnTheCommandLine() throws {
        guard case .wrong = Self.parse([], ["CONFAB_USER": "1"]) else {
            Issue.record("taken")
            return
        }
        let environment = ["CONFAB_SCOPE": "admin", "CONFAB_ACL": #"{"all":["\#"]}"#, "CONFAB_LIFETIME": "7"]
        let command = try command(["--user", "1"], environment)
        #expect(command.scopes == .user && command.acl == nil && command.lifetimeSeconds == 600)
    }

    @Test func theUsageNamesEveryFlag() {
        guard case .help = Self.parse(["--help"]) else {
            Issue.record("no help")
            return
        }
        for flag in TokenCommand.flags { #expect(TokenCommand.usage.contains("  --\(flag.name) ")) }
    }

    // MARK: Minting

    /// The hub takes the token; nothing but the hub makes keys.
    @Test func mints() throws {
        var template = Array("/tmp/confab-token-XXXXXX".utf8CString)
        try #require(mkdtemp(&template) != nil)
        let data = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
        defer { rmdir(data) }
        var command = try command(["--user", "5100", "--scope", "admin", "--lifetime", "2", "--data", data])
        for name in [data, data + "/none"] {
            command.hub.data = name
            #expect(throws: KeyDirectoryError.noKeys(path: name + "/keys")) { try command.mint(now: 1_000) }
        }
        #expect(access(data + "/keys", F_OK) != 0 && access(data + "/none", F_OK) != 0, "nothing was made")

        command.hub.data = data
        mkdir(data + "/keys", 0o700)
        #expect(throws: KeyDirectoryError.noKeys(path: data + "/keys")) { try command.mint(now: 1_000) }
        let authority = try TokenAuthority(directory: data, issuer: "https://localhost:8443")
        defer { removeKeys(data + "/keys") }
        let expected = Claims(userID: 5100, sessionID: nil, expiresAt: 1_002, scopes: .admin)
        let token = try command.mint(now: 1_000)
        #expect(try authority.verify(Array(token.utf8), now: 1_001) == expected)
        #expect(throws: TokenError.expired) { try authority.verify(Array(token.utf8), now: 1_002) }

        command.acl = AccessList(all: (0..<1_000).map { "topic/\($0)" })
        #expect(throws: TokenCommand.Failure.self, "longer than the hub takes") { try command.mint(now: 1_000) }
    }

    private func removeKeys(_ path: String) {
        guard let directory = opendir(path) else { return }
        while let entry = readdir(directory) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            unlink(path + "/" + name)
        }
        closedir(directory)
        rmdir(path)
    }
}
