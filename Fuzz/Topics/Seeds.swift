enum Seeds {
    static let words = [
        "\ns0", "\nu0", "\n?", "\nA", "\nD", "\nC", "/", "/+", "/#", "+/", "$share/g/", "$SYS/", "inbox/", "direct/",
        "group/", "presence/", "/typing", "/read", "${sub}", "${clientid}", "5100", "9223372036854775807",
    ]

    /// A character for the user, then the lines.
    static func all() -> [[UInt8]] {
        [
            "0s0a/b\ns1a/+\ns2#\ns0+/b\ns1a/b/#\n?a/b\n?a\n?$a/b\nu1a/+\n?a/b",
            "0s0$share/g/a/+\ns1$share/g/a/+\ns1$share/h/a/b\ns2a/b\n?a/b\nu0$share/g/a/+\n?a/b",
            "0s0+/+/#\ns0/#\ns0/+\ns0#\ns0+\ns0a/+/#\n?/\n?a/\n?/a/b\n?//",
            "3s0direct/+/5100\ns0direct/5100/+/typing\ns0group/+/read\ns0inbox/5100\ns0presence/+\ns0+/7/+",
            "3?inbox/5100\n?direct/7/5100/typing\n?group/7/read\n?presence/7\n?direct/7/5\n?group/07\n?$SYS/x",
            "3Aapp/${sub}/#\nSapp/#\nAshared/${clientid}/+\nDapp/secret/#\nCphone\n?app/5100/x\n?app/secret\ns0app/+",
            "3A${clientid}/#\nC$SYS\n?$SYS/uptime\n?a/b", "0A#\nDa/+\nDx/#\n?a/b\n?a\n?x\n?$x\ns0#\ns0a/b\ns0a/+",
        ].map { Array($0.utf8) }
    }
}
