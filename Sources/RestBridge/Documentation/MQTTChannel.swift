import JSON

/// A kind of topic, as the document of the MQTT side has it (protocol.md §1).
struct MQTTChannel: Sendable {
    var name: String
    var address: String
    var details: String
    /// What the hub delivers on it, and what it takes: names of `MQTTMessage`.
    var delivered: [String]
    var taken: [String] = []
    var subscribers: String
    var publishers = ""
    /// Of what is delivered, where the subscription does not decide it.
    var qos: Int?
    var isRetained = false

    static let all: [MQTTChannel] = [inbox] + conversations + [presence, system, plain]

    /// The parts of the address that vary.
    var parameters: [String] {
        address.split(separator: "/").filter { $0.hasPrefix("{") }.map { String($0.dropFirst().dropLast()) }
    }

    static func details(ofParameter name: String) -> String {
        switch name {
        case "user_id": "A user's id."
        case "group_id": "A group's id."
        case "low": "The lower of the two users' ids."
        case "high": "The higher of the two users' ids."
        case "statistic": "One or more levels, as mosquitto names them: `clients/connected`."
        case "topic":
            "One or more levels, of which the first is none of `inbox`, `direct`, `group` and `presence` and does not begin with `$`."
        default: preconditionFailure("\(name) has no description")
        }
    }

    private static let inbox = MQTTChannel(
        name: "inbox", address: "inbox/{user_id}",
        details: "What concerns one user: friend requests, groups, mentions, and conversations with unread messages.",
        delivered: Schema.inboxBodies.map(\.key) + ["message_notification", "refused"],
        subscribers: "That user.")

    private static let conversations: [MQTTChannel] = [
        conversation(
            "direct", "direct/{low}/{high}", "A conversation of two users.", more: [],
            subscribers: "Those two, once they have been friends, for ever.",
            publishers: "Those two, while they are friends and neither blocks the other."),
        conversation(
            "group", "group/{group_id}", "A group's conversation.", more: ["member", "group"],
            subscribers: "Its members; they see all of it, also from before they joined.",
            publishers: "Its members; of an announcement group the admins, and reactions every member."),
    ].flatMap { [$0, signal("typing", of: $0), signal("read", of: $0)] }

    private static func conversation(
        _ name: String, _ address: String, _ details: String, more: [String], subscribers: String, publishers: String
    ) -> MQTTChannel {
        MQTTChannel(
            name: name, address: address, details: details,
            delivered: ["message", "edit", "delete", "reaction"] + more,
            taken: ["send_message", "send_text", "send_edit", "send_delete", "send_reaction"],
            subscribers: subscribers, publishers: publishers)
    }

    private static func signal(_ kind: String, of conversation: MQTTChannel) -> MQTTChannel {
        MQTTChannel(
            name: "\(conversation.name)_\(kind)", address: "\(conversation.address)/\(kind)",
            details: kind == "typing"
                ? "Who types. Not in groups of more than 100 members; not told to the connection that says it."
                : "Who has read how far. In groups of more than 100 members only one's own sessions are told.",
            delivered: [kind], taken: ["send_\(kind)"], subscribers: "Who may read the conversation.",
            publishers: kind == "typing" ? "Who may write to it." : "Who may read it.", qos: 0)
    }

    private static let presence = MQTTChannel(
        name: "presence", address: "presence/{user_id}",
        details: "Whether a user is there: the best of all connections counts, and who has none is offline.",
        delivered: ["presence"], taken: ["send_presence"],
        subscribers: "That user, and friends, where neither blocks the other.", publishers: "That user.", qos: 0,
        isRetained: true)

    private static let system = MQTTChannel(
        name: "system", address: "$SYS/broker/{statistic}", details: "Statistics of the hub.",
        delivered: ["statistic"], subscribers: "Tokens with the scope `admin`.")

    private static let plain = MQTTChannel(
        name: "plain", address: "{topic}", details: "Any other topic is plain MQTT.", delivered: ["any"],
        taken: ["any"], subscribers: "As the token's `acl` claim says.", publishers: "As the token's `acl` claim says.")
}
