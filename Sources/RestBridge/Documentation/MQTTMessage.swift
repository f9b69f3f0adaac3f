import JSON

/// A message as the document of the MQTT side has it.
struct MQTTMessage: Sendable {
    /// Under which channels name it: of what the hub delivers, the envelope's `type`.
    var name: String
    var summary: String
    var payload: Schema
    /// MQTT 5.
    var userProperties: Schema?
    var contentType: String

    private init(
        _ name: String, _ summary: String, _ payload: Schema, userProperties: Schema? = nil,
        contentType: String = "application/json"
    ) {
        self.name = name
        self.summary = summary
        self.payload = payload
        self.userProperties = userProperties
        self.contentType = contentType
    }

    static func find(_ name: String) -> MQTTMessage? { all.first { $0.name == name } }

    static let all = stored + signals + published + [system, any]

    // MARK: What the hub delivers

    private static let stored: [MQTTMessage] = [
        entry("message", "Somebody said something; of a message that was deleted, `{\"deleted\":true}` is left.")
            .example(Schema.messageExample),
        entry("edit", "A message has another text."),
        entry("delete", "A message was deleted. What says so stays."),
        entry("reaction", "Somebody reacts to a message, or no longer."),
        entry("member", "Somebody came, left, or has another role."),
        entry("group", "The group was made, or has another name, picture or mode."),
        notice("friend_request", "Somebody asks for friendship."),
        notice("friend_accepted", "You are friends now."),
        notice("friend_removed", "You are friends no longer."),
        notice("group_added", "You are in a group now."),
        notice("group_removed", "You are no longer in a group, or it has ended."),
        notice("mention", "A message mentions you."),
    ]

    private static let signals: [MQTTMessage] = [
        MQTTMessage(
            "typing", "Somebody types, or has stopped.",
            .signal("typing", ["topic": .string], ["state": .choice("started", "stopped")])),
        MQTTMessage(
            "read", "Somebody has read up to an entry.", .signal("read", ["topic": .string], ["seq": .seq])),
        MQTTMessage(
            "presence", "Whether somebody is there. The last value is retained.",
            .signal("presence", [:], ["status": .choice("online", "away", "offline"), "last_seen?": .time])),
        MQTTMessage(
            "message_notification", "A conversation that the session does not cover has unread messages.",
            .signal(
                "message_notification", ["topic": .string],
                ["topic": .string, "seq": .entrySeq, "unread": .entrySeq, "preview": .string])),
        MQTTMessage(
            "refused", "What a client of MQTT 3.1 or 3.1.1 published was refused: its PUBACK cannot say so.",
            .answer([
                "type": .constant("refused"),
                "body": .answer([
                    "topic": .string, "client_ref?": .string,
                    "problem": Schema.string.described("The name of a problem, of which /docs/problems has a page."),
                ]),
            ])),
    ]

    private static let system = MQTTMessage(
        "statistic", "A number, or a text, in mosquitto's form.", .string, contentType: "text/plain")
    private static let any = MQTTMessage(
        "any", "Whatever clients agree on; the hub does not look at it.", .anything, contentType: "*/*")

    private static func entry(_ type: String, _ summary: String) -> MQTTMessage {
        let bodies = Schema.conversationBodies.filter { $0.key == type }.map { Schema.entry(type, $0.value) }
        return delivery(type, summary, bodies.count == 1 ? bodies[0] : .oneOf(bodies))
    }

    private static func notice(_ type: String, _ summary: String) -> MQTTMessage {
        guard let body = Schema.inboxBodies.first(where: { $0.key == type }) else {
            preconditionFailure("no body of \(type)")
        }
        return delivery(type, summary, .entry(type, body.value))
    }

    private static func delivery(_ type: String, _ summary: String, _ payload: Schema) -> MQTTMessage {
        MQTTMessage(
            type, summary, payload,
            userProperties: .answer([
                "seq": .pattern("^[1-9][0-9]*$"), "from": Schema.pattern("^(0|[1-9][0-9]*)$"),
            ]))
    }

    // MARK: What clients publish

    private static let published: [MQTTMessage] = [
        publish(
            "send_message", "Say something. A JSON object, or text: what does not begin with `{` is the text itself."
        )
        .example(#"{"text":"hi","client_ref":"a1"}"#),
        MQTTMessage(
            "send_text", "Say something, as it is. With the content type `text/plain` that may begin with `{`, too.",
            .messageText, userProperties: reference, contentType: "text/plain"),
        publish("send_edit", "Give a message of yours another text, for 24 hours.")
            .example(#"{"type":"edit","seq":42,"text":"hello"}"#),
        publish("send_delete", "Delete a message of yours; admins any of their group's.")
            .example(#"{"type":"delete","seq":42}"#),
        publish("send_reaction", "React to a message, or take a reaction back.")
            .example(#"{"type":"reaction","seq":42,"emoji":"👍"}"#),
        MQTTMessage(
            "send_typing", "Say that you type.", .strictRequest(["state?": .choice("started", "stopped")])
        ).example("{}"),
        MQTTMessage("send_read", "Say how far you have read.", .strictRequest(["seq": .seq]))
            .example(#"{"seq":42}"#),
        MQTTMessage(
            "send_presence", "Say that you are there, or away.", .strictRequest(["status": .choice("online", "away")])
        )
        .example(#"{"status":"away"}"#),
    ]

    private static let reference = Schema.answer(["client_ref?": .clientRef])

    private static func publish(_ name: String, _ summary: String) -> MQTTMessage {
        let shapes = Schema.published([:]).filter { "send_\($0.type)" == name }.map(\.schema)
        return MQTTMessage(
            name, summary, shapes.count == 1 ? shapes[0] : .oneOf(shapes), userProperties: reference)
    }

    private func example(_ json: String) -> MQTTMessage {
        var copy = self
        copy.payload = payload.example(json)
        return copy
    }
}

extension Schema {
    /// The envelope of what is told and not kept.
    fileprivate static func signal(
        _ type: String, _ topic: KeyValuePairs<String, Schema>, _ body: KeyValuePairs<String, Schema>
    ) -> Schema {
        .answer(["type": .constant(type), "from": .id, "sent_at": .time, "body": .answer(body)], topic)
    }
}
