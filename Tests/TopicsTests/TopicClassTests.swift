import Testing
import Topics

@Suite struct TopicClassTests {
    @Test(
        arguments: [
            ("inbox/5100", TopicClass.stored(.inbox(user: 5_100))),
            ("inbox/9223372036854775807", .stored(.inbox(user: .max))),
            ("direct/1/2", .stored(.direct(low: 1, high: 2))),
            ("direct/9/10", .stored(.direct(low: 9, high: 10))),
            ("group/7301", .stored(.group(7_301))),
            ("group/7301/typing", .typing(.group(7_301))), ("group/7301/read", .read(.group(7_301))),
            ("direct/1/2/typing", .typing(.direct(low: 1, high: 2))),
            ("direct/1/2/read", .read(.direct(low: 1, high: 2))),
            ("presence/5100", .presence(user: 5_100)),
            ("$SYS/uptime", .system), ("$", .system), ("$share/g/a", .system),
        ])
    func valid(topic: String, expected: TopicClass) {
        #expect(classOf(topic) == expected)
    }

    @Test(
        arguments: [
            "inbox", "inbox/", "inbox//", "inbox/0", "inbox/05", "inbox/-5", "inbox/+5", "inbox/5/", "inbox/5/typing",
            "inbox/5/read", "inbox/9223372036854775808", "inbox/18446744073709551617", "inbox/99999999999999999999",
            "inbox/5a", "inbox/٥", "inbox/ 5", "direct", "direct/", "direct/1", "direct/1/", "direct/2/1", "direct/1/1",
            "direct/01/2", "direct/1/02", "direct/1/2/", "direct/1/2/other", "direct/1/2/typing/", "direct//2", "group",
            "group/", "group/0", "group/x", "group/1/Typing", "group/1/typin", "group/1/reads", "group/1//read",
            "group/1/", "presence", "presence/", "presence/00", "presence/1/typing", "presence/1/",
        ])
    func reserved(topic: String) {
        #expect(classOf(topic) == .reserved)
    }

    @Test(
        arguments: [
            "a", "/", "/inbox/5", "inboxes/5", "inbo", "Inbox/5", "direct1/2", "d", "groups/1", "g", "presenc", "p",
            "presences/1", "sensors/temperature", "i", " $SYS",
        ])
    func plain(topic: String) {
        #expect(classOf(topic) == .plain)
    }

    @Test(arguments: [
        TopicAddress.inbox(user: 1), .inbox(user: .max), .direct(low: 10, high: 200), .group(5_100),
        .direct(low: .max - 1, high: .max),
    ])
    func namesRoundTrip(address: TopicAddress) {
        var bytes: [UInt8] = []
        address.appendName(to: &bytes)
        #expect(bytes == Array(address.name.utf8))
        let parsed = TopicAddress(parsing: bytes.span)
        #expect(parsed == address)
    }

    @Test func signalsAreNoAddresses() {
        for topic in ["group/1/typing", "presence/1", "a"] {
            let bytes = Array(topic.utf8)
            let parsed = TopicAddress(parsing: bytes.span)
            #expect(parsed == nil)
        }
    }
}
