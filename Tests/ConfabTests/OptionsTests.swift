import Testing

@testable import confab

/// The command line and the environment of `confab serve` (protocol.md §5).
@Suite struct OptionsTests {
    private static func parse(_ line: String, _ environment: [String: String] = [:]) -> Parsed<Options> {
        Options.parse(line.split(separator: " ").map(String.init), environment: { environment[$0] })
    }

    private func options(_ line: String, _ environment: [String: String] = [:]) throws -> Options {
        guard case .options(let options) = Self.parse(line, environment) else {
            throw Refused(text: "\(Self.parse(line, environment))")
        }
        return options
    }

    private struct Refused: Error { var text: String }

    @Test func defaults() throws {
        let options = try options("")
        #expect(options.data == "./data" && options.database == nil && options.bind == nil && options.publicURL == nil)
        #expect(options.mqtts == .number(8883) && options.https == .number(8443) && options.ops == .number(9464))
        #expect(options.mqtt == .off && options.http == .off && options.publishWait.milliseconds == 30_000)
        #expect(!options.anonymous && !options.anonymousIsForced && !options.hasHints)
        #expect(1...Options.reactorsMax ~= options.reactors)
        #expect(options.certificateFile == "./data/tls-cert.pem" && options.keyFile == "./data/tls-key.pem")
    }

    @Test(arguments: [
        "--data /d --database postgres://x --mqtts 0 --mqtt 1883 --https off --http 65535 --ops off --bind ::1 --reactors 3",
        "--data=/d --database=postgres://x --mqtts=0 --mqtt=1883 --https=off --http=65535 --ops=off --bind=::1 --reactors=3",
    ])
    func takesValuesInBothForms(_ line: String) throws {
        let options = try options(line)
        #expect(options.data == "/d" && options.database == "postgres://x" && options.bind == "::1")
        #expect(options.mqtts == .number(0) && options.mqtt == .number(1883) && options.http == .number(65_535))
        #expect(options.https == .off && options.ops == .off && options.reactors == 3)
    }

    @Test func theLastOfTwoCountsAndValuesKeepTheirEqualsSigns() throws {
        #expect(try options("--mqtt 1 --mqtt 2").mqtt == .number(2))
        #expect(try options("--database=postgres://x/?a=b").database == "postgres://x/?a=b")
        #expect(try options("--public-url https://x.example/").publicURL == "https://x.example")
    }

    @Test func theFlagWinsOverTheEnvironment() throws {
        let environment = [
            "CONFAB_MQTT": "1", "CONFAB_TLS_CERT": "/c", "CONFAB_TLS_KEY": "/k", "CONFAB_ANONYMOUS": "on",
            "CONFAB_BIND": "",
            "CONFAB_HINTS": "off", "CONFAB_PUBLIC_URL": "https://y",
        ]
        let options = try options("--mqtt 2", environment)
        #expect(options.mqtt == .number(2) && options.certificateFile == "/c" && options.keyFile == "/k")
        #expect(options.anonymous && !options.hasHints && options.publicURL == "https://y")
        // An empty variable is none.
        #expect(options.bind == nil)
    }

    /// Files add up; those of the command line stand for those of the environment.
    @Test func issuers() throws {
        let environment = ["CONFAB_ISSUERS": "/a.json,/b.json"]
        #expect(try options("").issuers == [])
        #expect(try options("", environment).issuers == ["/a.json", "/b.json"])
        #expect(try options("--issuers c.json --issuers=d.json", environment).issuers == ["c.json", "d.json"])
    }

    @Test(arguments: [("0", 0), ("7", 7_000), ("86400", 86_400_000), ("forever", Int64.max)])
    func publishWait(value: String, milliseconds: Int64) throws {
        #expect(try options("--publish-wait \(value)").publishWait.milliseconds == milliseconds)
    }

    @Test(arguments: [
        ("--anonymous", true, false), ("--anonymous=on", true, false), ("--anonymous=off", false, false),
        ("--anonymous=force", true, true), ("--anonymous --hints", true, false),
    ])
    func anonymous(line: String, isOn: Bool, isForced: Bool) throws {
        let options = try options(line)
        #expect(options.anonymous == isOn && options.anonymousIsForced == isForced)
    }

    @Test(arguments: [
        ("127.0.0.1", true), ("127.8.8.8", true), ("::1", true), ("0.0.0.0", false), ("::", false),
        ("10.0.0.127", false),
    ])
    func knowsLoopback(address: String, isLoopback: Bool) throws {
        #expect(try options("--bind \(address)").isLoopbackOnly == isLoopback)
        #expect(try !options("").isLoopbackOnly)
    }

    @Test(arguments: [
        "serve", "-x", "--nonsense", "--", "--=", "--mqtt", "--mqtt 65536", "--mqtt -1", "--mqtt +5", "--mqtt 1.5",
        "--mqtt=",
        "--mqtt on", "--data=", "--bind=", "--reactors 0", "--reactors 65", "--reactors x", "--limits on", "--limits",
        "--trusted-proxy 10.0.0.1/8", "--trusted-proxy localhost", "--mail-command /no/such/program",
        "--mail-from nobody", "--mail-from a@b>x",
        "--publish-wait -1", "--publish-wait 86401", "--publish-wait never", "--issuers", "--issuers=",
        "--bind localhost", "--anonymous=yes", "--anonymous force", "--hints=maybe", "--tls-cert /c", "--tls-key /k",
    ])
    func refuses(_ line: String) {
        guard case .wrong(let problem) = Self.parse(line) else {
            Issue.record("taken: \(line)")
            return
        }
        #expect(!problem.isEmpty)
    }

    @Test(arguments: ["--help", "-h", "--mqtt 1 --help", "--help --nonsense"]) func helps(_ line: String) {
        guard case .help = Self.parse(line) else {
            Issue.record("no help: \(line)")
            return
        }
    }

    @Test func theUsageNamesEveryFlagAndEveryFlagIsHandled() {
        for flag in Options.flags {
            #expect(Options.usage.contains("  --\(flag.name)"))
            let values = [
                "reactors": "1", "limits": "off", "bind": "::1", "origin": "https://a.example",
                "proxy-protocol": "mqtts", "retention": "group=5", "publish-wait": "1", "attachment-bytes-max": "1",
                "attachment-quota-bytes": "1",
                "trusted-proxy": "10.0.0.0/8", "mail-command": "/bin/true", "mail-from": "hub@example.org",
            ]
            let value = values[flag.name] ?? (flag.value == "PORT" ? "1" : "on")
            // Those that go together are refused alone, but they are known.
            if case .wrong(let problem) = Self.parse("--\(flag.name)=\(value)") {
                #expect(problem.contains("go together"))
            }
        }
    }
}
