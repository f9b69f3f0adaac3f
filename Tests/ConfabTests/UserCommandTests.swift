import Testing

@testable import confab

/// `confab user` (protocol.md §5), as far as the command line goes.
@Suite struct UserCommandTests {
    private static func parse(_ arguments: [String], _ environment: [String: String] = [:]) -> Parsed<UserCommand> {
        UserCommand.parse(arguments, environment: { environment[$0] })
    }

    @Test(arguments: [
        ["list"], ["show", "ann"], ["reset-password", "ann"], ["disable", "5100"], ["enable", "ann@example.org"],
        ["admin", "ann", "on"], ["admin", "ann", "off", "--data", "/d"], ["disable-mfa", "ann", "--database=x"],
    ])
    func understands(_ arguments: [String]) throws {
        guard case .options(let command) = Self.parse(arguments, ["CONFAB_DATA": "/e"]) else {
            Issue.record("\(Self.parse(arguments))")
            return
        }
        #expect(command.action.rawValue == arguments[0])
        #expect(command.name == (arguments.count > 1 ? arguments[1] : ""))
        #expect(command.isOn == (arguments.count > 2 && arguments[2] == "on"))
        #expect(command.place.data == (arguments.contains("/d") ? "/d" : "/e"))
        #expect(command.place.database == (arguments.contains("--database=x") ? "x" : nil))
    }

    @Test(arguments: [
        [], ["--data", "/d"], ["remove", "ann"], ["list", "ann"], ["show"], ["show", "ann", "bob"], ["admin", "ann"],
        ["admin", "ann", "yes"], ["show", "ann", "--mqtt", "1"], ["show", "--data", "/d", "ann"],
        ["show", "ann", "--data"],
    ])
    func refuses(_ arguments: [String]) {
        guard case .wrong = Self.parse(arguments) else {
            Issue.record("\(arguments): \(Self.parse(arguments))")
            return
        }
    }

    @Test func help() {
        guard case .help = Self.parse(["--help"]), case .help = Self.parse(["show", "-h"]) else {
            Issue.record("no help")
            return
        }
        for action in UserCommand.Action.allCases { #expect(UserCommand.usage.contains("user \(action.rawValue)")) }
    }
}

/// `--mail-command`.
@Suite struct MailCommandTests {
    @Test(
        arguments: [
            ("/bin/true", .delivered), ("true", .delivered), ("/bin/false", .failed("exit code 1")),
            ("/bin/grep -q hello", .failed("exit code 2")), ("/bin/grep -q hello /dev/stdin", .delivered),
            // test(1) takes one argument, not two.
            ("/usr/bin/test x", .failed("exit code 2")), ("/usr/bin/test -t", .delivered),
        ] as [(String, MailCommand.Outcome)])
    func delivers(_ text: String, _ outcome: MailCommand.Outcome) throws {
        let command = try #require(MailCommand(text))
        #expect(command.deliver(Array("hello\n".utf8), to: "/nowhere") == outcome)
    }

    @Test(arguments: ["", " ", "/no/such/program", "no-such-program -t", "/etc/passwd"])
    func isNoProgram(_ text: String) {
        #expect(MailCommand(text) == nil)
    }
}
