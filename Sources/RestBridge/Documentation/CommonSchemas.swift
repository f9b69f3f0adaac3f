import Identity
import JSON
import Persistence

// Values that stand in many places. Lengths come from where they are checked.

extension Schema {
    /// Positive and canonical. The largest that this lets through is 9·10^18 - 1, which ids reach in 2093; the hub reads up to 2^63 - 1.
    static let id = pattern("^([1-9][0-9]{0,17}|[1-8][0-9]{18})$")
    static let time = Schema.string.with("format", .string("date-time")).described("RFC 3339, UTC, with milliseconds.")
    static let seq = number(0...Int64.max)
    static let entrySeq = number(1...Int64.max)
    static let username = string(Names.usernameLength, pattern: "^[a-z0-9][a-z0-9_.-]*$").with(
        "allOf", .literal(#"[{"pattern":"[a-z]"}]"#))
    static let email = string(
        3...254, pattern: "^[^\(noAddress)-][^\(noAddress)]{0,63}@[^\(noAddress)]+$"
    ).described("Compared in lower case.")
    static let password = string(PasswordPolicy.lengthMin...PasswordPolicy.lengthMax, pattern: noNul)
        .with("format", .string("password"))
    static let displayName = line(Names.displayNameLength)
    static let bio = string(0...ProfileRoutes.bioLengthMax, pattern: "^[^\\u0000-\\u0009\\u000B-\\u001F\\u007F]*$")
    static let text = pattern(noNul)

    /// What people see in one line: no control characters, and not only white space.
    static func line(_ length: ClosedRange<Int>) -> Schema {
        string(
            length,
            pattern: "^[^\(control)]*[^\(control)\(white)][^\(control)]*$")
    }

    /// What means something else to a mail system.
    private static let noAddress = "\\u0000-\\u0020\\u007F\"(),:;<>@\\[\\\\\\]"
    static let noNul = "^[^\\u0000]*$"
    // For classes of characters in patterns.
    static let control = "\\u0000-\\u001F\\u007F"
    static let white = "\\u0020\\u0085\\u00A0\\u1680\\u2000-\\u200A\\u2028\\u2029\\u202F\\u205F\\u3000"

    static let role = choice(GroupRole.member.name, GroupRole.admin.name, GroupRole.owner.name)
    static let user = ref("User")
    static let group = ref("Group")
    static let message = ref("Message")
}

extension Operation.Parameter {
    static let limit = query(
        "limit", .number(1...QueryReader.limitMax).with("default", .int(Int64(QueryReader.limitDefault))),
        "How many items the page has at most.")
    static let before = query("before", .seq, "The newest entries below this seq. Excludes `after`.")
    static let after = query("after", .seq, "The oldest entries above this seq. Excludes `before`.")
    static let cursor = cursor(.id)
    static let ifNoneMatch = header("If-None-Match", .string, "RFC 9110 §13.1.2.")
    static let ifMatch = header("If-Match", .string, "Of the `ETag` that you read: 412 if it has changed since.")

    /// Opaque to clients; the schema is what the hub takes.
    static func cursor(_ schema: Schema) -> Self {
        query("cursor", schema, "Where the page begins, as `next` of the page before says it.")
    }
}
