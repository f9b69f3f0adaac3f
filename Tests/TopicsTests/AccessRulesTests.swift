import Testing
import Topics

@Suite struct AccessRulesTests {
    private func rules(
        publish: [String] = [], subscribe: [String] = [], all: [String] = [], deny: [String] = [],
        clientID: String = "phone"
    ) -> AccessRules {
        AccessRules(
            publish: publish, subscribe: subscribe, all: all, deny: deny, userID: 5_100,
            clientID: Array(clientID.utf8))
    }

    private func mayPublish(_ rules: AccessRules, _ topic: String) -> Bool {
        let bytes = Array(topic.utf8)
        return rules.mayPublish(bytes.span)
    }

    private func mayReceive(_ rules: AccessRules, _ topic: String) -> Bool {
        let bytes = Array(topic.utf8)
        return rules.mayReceive(bytes.span)
    }

    @Test("the claim of protocol.md §4")
    func example() throws {
        let rules = rules(
            publish: ["app/${sub}/#"], subscribe: ["app/#"], all: ["shared/${clientid}/+"], deny: ["app/secret/#"])
        for (topic, publish, receive) in [
            ("app/5100/x", true, true), ("app/5100", true, true), ("app/5101/x", false, true),
            ("app/secret/x", false, false),
            ("app/secret", false, false), ("shared/phone/x", true, true), ("shared/other/x", false, false),
            ("shared/phone/x/y", false, false), ("other", false, false), ("app/${sub}/x", false, true),
        ] {
            #expect(mayPublish(rules, topic) == publish, "\(topic)")
            #expect(mayReceive(rules, topic) == receive, "\(topic)")
        }
        for (text, expected) in [
            ("app/#", true), ("app/+", true), ("app/secret/#", false), ("app/secret/x", false), ("app/secret", false),
            ("app/+/x", true), ("#", false), ("+/x", false), ("shared/phone/+", true), ("shared/+/x", false),
            ("$share/g/app/#", true), ("$share/g/app/secret/x", false),
        ] {
            #expect(try rules.maySubscribe(filter(text)) == expected, "\(text)")
        }
    }

    @Test(
        "[CVE-2017-7650] a value that is not safe grants nothing",
        arguments: ["+", "#", "a/b", "a+", "a\0", "", "/"])
    func unsafeValues(clientID: String) throws {
        let allowing = rules(all: ["shared/${clientid}/x", "x-${clientid}"], clientID: clientID)
        for topic in ["shared/a/x", "shared/\(clientID)/x", "shared//x", "x-", "x-\(clientID)"] {
            #expect(!mayPublish(allowing, topic), "\(topic)")
        }
        let denying = rules(all: ["#"], deny: ["shared/x-${clientid}/y"], clientID: clientID)
        #expect(!mayPublish(denying, "shared/anything/y") && mayPublish(denying, "shared/anything/z"))
    }

    @Test func valuesAreNotPatterns() {
        let nested = rules(all: ["a/${clientid}"], clientID: "${sub}")
        #expect(mayPublish(nested, "a/${sub}") && !mayPublish(nested, "a/5100"))
        let system = rules(all: ["${clientid}/#"], clientID: "$SYS")
        #expect(!mayReceive(system, "$SYS/uptime"))
        let inside = rules(all: ["a/p-${sub}-${clientid}-s"])
        #expect(mayPublish(inside, "a/p-5100-phone-s"))
    }

    @Test func badPatterns() {
        #expect(!mayPublish(rules(all: ["a/#/b", "${user}/x", "", "a/${sub", "$share/g/a"]), "a"))
        // A denial that can't be understood denies everything, one with an unknown variable its level.
        #expect(!mayPublish(rules(all: ["#"], deny: ["a/#/b"]), "c"))
        let unknown = rules(all: ["#"], deny: ["a/${user}"])
        #expect(!mayPublish(unknown, "a/c") && mayPublish(unknown, "a"))
        #expect(!mayReceive(rules(all: ["#"], deny: ["$share/g/a"]), "a"))
    }

    @Test func everythingAndNothing() throws {
        #expect(mayPublish(.everything, "a/b") && mayReceive(.everything, "/"))
        #expect(try AccessRules.everything.maySubscribe(filter("#")))
        #expect(try AccessRules.everything.maySubscribe(filter("$share/g/+")))
        #expect(try !AccessRules.everything.maySubscribe(filter("$SYS/#")))
        #expect(!mayReceive(.everything, "$SYS/uptime"))
        #expect(!mayPublish(.nothing, "a") && !mayReceive(.nothing, "a"))
        #expect(try !AccessRules.nothing.maySubscribe(filter("a")))
    }

    @Test(arguments: [
        ("app/${sub}/#", true), ("${clientid}", true), ("#", true), ("a/#/b", false), ("${user}/x", false), ("", false),
        ("$share/g/x", false), ("${sub", false),
    ])
    func knowsPatterns(pattern: String, isPattern: Bool) {
        #expect(AccessRules.isPattern(pattern) == isPattern)
    }
}
