import Broker
import JSON
import Persistence

/// What stands in conversations and inboxes, and what clients send to them: the same by HTTP and by MQTT.
extension Schema {
    static let entries: KeyValuePairs<String, Schema> = [
        "Message": .oneOf(
            conversationBodies.map { type, body in entry(type, body, type == "message" ? ["state?": state] : [:]) }
        ).described(
            """
            An entry of a conversation, the same over MQTT. `state` tells what became of a message: its newest text, and reactions. A \
            message that was deleted has the body `{"deleted":true}`.
            """
        ).example(messageExample),
        "Notification": .oneOf(inboxBodies.map { type, body in entry(type, body, ["read": .bool]) })
            .described("An entry of your inbox, the same over MQTT but for `read`."),
        "Conversation": .oneOf([
            conversation("direct", "user", .user), conversation("group", "group", .group),
        ]),
        "UnreadConversation": .answer([
            "topic": .string, "from": .id, "seq": .entrySeq, "unread": .entrySeq,
            "preview": .string.described("The beginning of the newest message."), "sent_at": .time,
        ]),
        "NewMessage": newMessage,
    ]

    /// By type, which stands once for each shape that it has.
    static let conversationBodies: KeyValuePairs<String, Schema> = [
        "message": messageBody,
        "message": deleted,
        "edit": .answer(["seq": .entrySeq, "text": .string]),
        "edit": deleted,
        "delete": .answer(["seq": .entrySeq]),
        "reaction": .answer(["seq": .entrySeq, "emoji": .string, "op": .choice("add", "remove")]),
        "member": .answer([
            "op": .choice("added", "removed", "left", "joined", "role"), "user_id": .id, "role?": .role,
        ]),
        "group": .answer([
            "op": .choice("created", "renamed", "picture", "announcement", "ended"), "name?": .string,
            "picture?": .id, "announcement?": .bool,
        ]),
    ]

    static let inboxBodies: KeyValuePairs<String, Schema> = [
        "friend_request": .answer(["user": .user]),
        "friend_accepted": .answer(["user": .user, "topic": .string]),
        "friend_removed": .answer(["user_id": .id]),
        "group_added": .answer(["group": .group, "role": .role]),
        "group_removed": .answer(["group_id": .id, "reason": .choice("removed", "ended")]),
        "mention": .answer([
            "topic": .string, "seq": .entrySeq, "preview": .string.described("The beginning of the message."),
        ]),
    ]

    static let messageExample =
        #"{"type":"message","topic":"group/7301","id":"7302","seq":42,"from":"5100","sent_at":"2026-11-22T09:00:00.123Z","client_ref":"a1","body":{"text":"hi"}}"#

    /// What is left of what was deleted.
    private static let deleted = Schema.answer(["deleted": .bool])

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

    /// The envelope of what is stored.
    static func entry(_ type: String, _ body: Schema, _ more: KeyValuePairs<String, Schema> = [:]) -> Schema {
        .answer(
            [
                "type": .constant(type), "topic": .string, "id": .id, "seq": .entrySeq,
                "from": sender, "sent_at": .time, "client_ref?": .string, "body": body,
            ], more)
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
        ([
            ("user_id", .id), ("group_id", .id),
            ("topic", .pattern("^(group/[1-9][0-9]*|direct/[1-9][0-9]*/[1-9][0-9]*)$")),
        ] as [(String, Schema)]).map { name, schema in .oneOf(published([name: schema]).map(\.schema)) }
    ).described(
        """
        To one of `user_id`, `group_id` and `topic`. A `message`, the default, has text or attachments; an `edit` has `seq` and `text`, a \
        `delete` has `seq`, a `reaction` has `seq` and `emoji`.
        """
    ).example(#"{"user_id":"5101","text":"hi","client_ref":"a1"}"#)
        .example(#"{"topic":"group/7301","type":"reaction","seq":42,"emoji":"👍"}"#)

    /// What clients may send to a conversation, by type, which stands once for each shape that it has.
    /// - Parameter target: members more, that say where to.
    static func published(_ target: KeyValuePairs<String, Schema>) -> [(type: String, schema: Schema)] {
        let common: KeyValuePairs<String, Schema> = [
            "reply_to?": .entrySeq, "mentions?": ids(max: Limits.mentionsMax), "custom?": anyObject,
        ]
        func send(_ type: String, _ members: KeyValuePairs<String, Schema>...) -> (type: String, schema: Schema) {
            let head: KeyValuePairs<String, Schema> = [
                type == "message" ? "type?" : "type": .constant(type), "client_ref?": clientRef,
            ]
            return (type, .strictRequest([target, head] + members))
        }
        let files = ids(max: Limits.attachmentsMax)
        return [
            send("message", ["text": messageText, "attachments?": files], common),
            send("message", ["attachments": files.with("minItems", .int(1))], common),
            send("edit", ["seq": .entrySeq, "text": messageText]),
            send("delete", ["seq": .entrySeq]),
            send("reaction", ["seq": .entrySeq, "emoji": emoji, "op?": .choice("add", "remove")]),
        ]
    }

    static func ids(max: Int) -> Schema { .array(of: .id, max: max, areUnique: true) }
}
