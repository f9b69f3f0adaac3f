import Broker
import JSON
import Persistence

/// What stands in conversations and inboxes, and what clients send to them.
extension Schema {
    static let entries: KeyValuePairs<String, Schema> = [
        "Message": .oneOf(
            entry("message", messageBody, ["state?": state]),
            entry("message", .answer(["deleted": .bool]), ["state?": state]),
            entry("edit", .answer(["seq": .entrySeq, "text": .string]), [:]),
            entry("edit", .answer(["deleted": .bool]), [:]),
            entry("delete", .answer(["seq": .entrySeq]), [:]),
            entry("reaction", .answer(["seq": .entrySeq, "emoji": .string, "op": .choice("add", "remove")]), [:]),
            entry(
                "member",
                .answer(["op": .choice("added", "removed", "left", "joined", "role"), "user_id": .id, "role?": .role]),
                [:]),
            entry(
                "group",
                .answer([
                    "op": .choice("created", "renamed", "picture", "announcement", "ended"), "name?": .string,
                    "picture?": .id, "announcement?": .bool,
                ]), [:])
        ).described(
            """
            An entry of a conversation, the same over MQTT. `state` tells what became of a message: its newest text, and reactions. A \
            message that was deleted has the body `{"deleted":true}`.
            """),
        "Notification": .oneOf(
            notice("friend_request", ["user": .user]),
            notice("friend_accepted", ["user": .user, "topic": .string]),
            notice("friend_removed", ["user_id": .id]),
            notice("group_added", ["group": .group, "role": .role]),
            notice("group_removed", ["group_id": .id, "reason": .choice("removed", "ended")]),
            notice("mention", ["topic": .string, "seq": .entrySeq, "preview": .string])
        ).described("An entry of your inbox, the same over MQTT but for `read`."),
        "Conversation": .oneOf(
            conversation("direct", "user", .user), conversation("group", "group", .group)
        ),
        "UnreadConversation": .answer([
            "topic": .string, "from": .id, "seq": .entrySeq, "unread": .entrySeq,
            "preview": .string.described("The beginning of the newest message."), "sent_at": .time,
        ]),
        "NewMessage": newMessage,
    ]

    private static let messageBody = Schema.answer([
        "text?": .string, "reply_to?": .entrySeq, "attachments?": .array(of: .id), "mentions?": .array(of: .id),
        "custom?": anyObject,
    ]).with("not", .literal(#"{"required":["deleted"]}"#))

    private static let state = Schema.answer([
        "edited_seq?": .entrySeq.described("The newest edit."), "text?": .string,
        "reactions?": .array(
            of: .answer(["emoji": .string, "count": .entrySeq, "me": .bool.described("You are among them.")])),
    ])

    private static let anyObject = Schema.answer([:])
        .described("Whatever clients agree on; at most \(Limits.customBytesMax) bytes.")

    private static func entry(_ type: String, _ body: Schema, _ more: KeyValuePairs<String, Schema>) -> Schema {
        .answer(
            [
                "type": .constant(type), "topic": .string, "id": .id, "seq": .entrySeq,
                "from": sender, "sent_at": .time, "client_ref?": .string, "body": body,
            ], more)
    }

    private static func notice(_ type: String, _ body: KeyValuePairs<String, Schema>) -> Schema {
        entry(type, .answer(body), ["read": .bool])
    }

    private static let sender = Schema.pattern("^(0|[1-9][0-9]{0,18})$").described("A user's id; 0: the hub.")

    private static func conversation(_ kind: String, _ partner: String, _ schema: Schema) -> Schema {
        .answer(
            [
                "topic": .string, "kind": .constant(kind), "last_message?": .message, "last_seq": .seq,
                "read_seq": .seq, "unread": .seq, "writable": .bool.described("You may write to it now."),
            ], [partner: schema])
    }

    // MARK: What clients send

    static let emoji = string(1...Limits.emojiBytesMax, pattern: "^[^\(control)\(white)]+$")
        .described("At most \(Limits.emojiBytesMax) bytes of UTF-8, without white space.")
    static let clientRef = pattern("^[!-~]{1,\(Limits.clientRefBytesMax)}$")
    static let messageText = string(1...Limits.textBytesMax, pattern: noNul)
        .described("At most \(Limits.textBytesMax) bytes of UTF-8.")

    private static let newMessage = oneOf(
        target("user_id", .id), target("group_id", .id),
        target("topic", .pattern("^(group/[1-9][0-9]*|direct/[1-9][0-9]*/[1-9][0-9]*)$"))
    ).described(
        """
        To one of `user_id`, `group_id` and `topic`. A `message`, the default, has text or attachments; an `edit` has `seq` and `text`, a \
        `delete` has `seq`, a `reaction` has `seq` and `emoji`.
        """
    ).example(#"{"user_id":"5101","text":"hi","client_ref":"a1"}"#)
        .example(#"{"topic":"group/7301","type":"reaction","seq":42,"emoji":"👍"}"#)

    private static func target(_ name: String, _ schema: Schema) -> Schema {
        .oneOf(
            send(
                "message", isDefault: true, target: name, schema,
                [
                    "text": messageText, "reply_to?": .entrySeq, "attachments?": ids(max: Limits.attachmentsMax),
                    "mentions?": ids(max: Limits.mentionsMax), "custom?": anyObject,
                ]),
            send(
                "message", isDefault: true, target: name, schema,
                [
                    "attachments": ids(max: Limits.attachmentsMax).with("minItems", .int(1)), "reply_to?": .entrySeq,
                    "mentions?": ids(max: Limits.mentionsMax), "custom?": anyObject,
                ]),
            send("edit", target: name, schema, ["seq": .entrySeq, "text": messageText]),
            send("delete", target: name, schema, ["seq": .entrySeq]),
            send("reaction", target: name, schema, ["seq": .entrySeq, "emoji": emoji, "op?": .choice("add", "remove")]))
    }

    private static func send(
        _ type: String, isDefault: Bool = false, target: String, _ schema: Schema,
        _ members: KeyValuePairs<String, Schema>
    ) -> Schema {
        .strictRequest(
            [target: schema, isDefault ? "type?" : "type": .constant(type), "client_ref?": clientRef], members)
    }

    static func ids(max: Int) -> Schema { .array(of: .id, max: max, areUnique: true) }
}
