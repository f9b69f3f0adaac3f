import JSON
import Persistence

/// Conversations and what stands in them, the inbox, and files.
extension Operation {
    static let messages: Table = both([
        "POST /messages": Operation(
            "Send", "A message, or an edit, a deletion, a reaction. It is stored before the answer comes.",
            parameters: [
                .header("Idempotency-Key", .clientRef, "Is a `client_ref`, if the body has none.")
            ],
            body: .json(.ref("NewMessage")),
            .created(.message, "The entry.", headers: ["Location", "Idempotency-Replayed"]),
            problems: publishing + [.announcementOnly, .notFound, .clientRefReused, .tooOld]),
        "GET /messages/{user_id}": Operation(
            "Read a conversation with a user", "Stays readable after the friendship.", parameters: history, log),
        "GET /messages/group/{group_id}": Operation("Read a group's conversation", parameters: history, log),
        "GET /messages/{topic}/{seq}": Operation("Read an entry", .ok(.message, "The entry.")),
        "PATCH /messages/{topic}/{seq}": Operation(
            "Edit a message", "Your own, for 24 hours.",
            body: .patch(.strictRequest(["text": .messageText]).example(#"{"text":"hello"}"#)),
            .ok(.message, "The edit."), problems: publishing + [.announcementOnly, .tooOld]),
        "DELETE /messages/{topic}/{seq}": Operation(
            "Delete a message", "Your own; admins any of their group's.", body: .nothing,
            .ok(.message, "The deletion."),
            problems: publishing + [.announcementOnly]),
        "POST /messages/{topic}/{seq}/reactions": Operation(
            "React to a message", "Or take a reaction back.",
            body: .json(["emoji": .emoji, "op?": .choice("add", "remove")], example: #"{"emoji":"👍"}"#),
            .ok(.message, "The message, with all reactions to it."), problems: publishing),
        "GET /conversations": Operation(
            "List your conversations", parameters: [.limit, .cursor(.pattern("^[0-9]{1,18}-[1-9][0-9]{0,17}$"))],
            .ok(.page(of: .ref("Conversation")), "The newest first.")),
        "PUT /conversations/{topic}/read": Operation(
            "Mark a conversation as read", "Lower than what is read already: nothing happens; beyond the end: the end.",
            body: .json(["seq": .seq], example: #"{"seq":42}"#), .noContent()),
        "GET /notifications": Operation(
            "Read your inbox", "And, on the first page, which conversations have unread messages.",
            parameters: [.before, .after, .limit],
            .ok(
                .page(
                    of: .ref("Notification"),
                    [
                        "first_seq": .seq, "last_seq": .seq, "unread": .seq,
                        "conversations?": .array(of: .ref("UnreadConversation")),
                    ]),
                "A page of it, ascending.")),
        "GET /search": Operation(
            "Find messages",
            "All words, and the last one's beginning, in what you may read now. A new message is found within two seconds.",
            parameters: [
                .query("query", .pattern("^[^\\u0000]{1,256}$"), "The words to find.", isRequired: true),
                .query("topic", .pattern("^(group/\(id)|direct/\(id)/\(id))$"), "Only in this conversation."),
                .limit, .cursor,
            ],
            .ok(.page(of: .message), "The newest first.")),
        "POST /notifications/read": Operation(
            "Mark your inbox as read", body: .json(["up_to": .seq], example: #"{"up_to":7}"#), .noContent()),
    ])

    static let attachments: Table = [
        "POST /attachments": Operation(
            "Upload a file",
            "The bytes themselves, of any type, or a form with one part. Unnamed by a message for 24 hours, it is deleted.",
            parameters: [.query("name", fileName, "What the file is called; else the form tells.")],
            body: Body(
                contents: [
                    ("application/octet-stream", bytes), ("image/png", bytes),
                    ("multipart/form-data", .strictRequest(["file": bytes])),
                ], isRequired: false, isJSON: false),
            .created(.ref("Attachment"), "The file is stored.", headers: ["Location"]),
            problems: [.badRequest, .tooLarge, .quotaExceeded, .unsupportedMediaType, .invalidRequest, .overloaded]),
        "GET /attachments/{id}": Operation(
            "Download a file",
            "The uploader may, readers of a message that names it, and whoever sees it as an avatar or a picture.",
            parameters: [
                .header("Range", .string, "RFC 9110 §14: one range of bytes."),
                .ifNoneMatch,
                .header("If-Range", .string, "RFC 9110 §13.1.5."),
            ],
            Answer(status: 200, details: "The file.", contents: [("*/*", bytes)], headers: file),
            Answer(status: 206, details: "The range.", contents: [("*/*", bytes)], headers: file + ["Content-Range"]),
            Answer(status: 304, details: "You have it.", headers: ["ETag"]),
            problems: [.rangeNotSatisfiable, .overloaded]),
    ]

    /// What may go wrong with everything that is published.
    private static let publishing: [ProblemKind] = [.notFriends, .forbidden, .invalidMessage, .overloaded]
    private static let history: [Parameter] = [
        .before, .after, .limit,
        .query("types", .pattern("^,*(\(types))(,+(\(types)))*,*$"), "Which types of entries, with commas; else all."),
    ]
    private static let id = "[1-9][0-9]{0,17}"
    private static let types = EntryKind.ofTopics.map(\.name.description).joined(separator: "|")
    private static let log = Answer.ok(
        .page(
            of: .message,
            [
                "first_seq": .entrySeq.described("Of the whole conversation."),
                "last_seq": .seq.described("Of the whole conversation; 0: it is empty."),
            ]), "A page of it, ascending.")
    private static let file = ["ETag", "Content-Disposition", "Accept-Ranges"]
    private static let bytes = Schema.string.with("format", .string("binary"))
    private static let fileName = Schema.pattern(
        "^[^/\\\\\\u0000-\\u001F\\u007F-\\u009F\\u202A-\\u202E\\u2066-\\u2069]{0,255}$")

    /// What holds of both kinds of topics stands once, under `{topic}`.
    private static func both(_ table: Table) -> Table {
        var result: Table = [:]
        for (key, operation) in table {
            for topic in ["group/{group_id}", "direct/{low}/{high}"] {
                result[key.replacing("{topic}", with: topic)] = operation
            }
        }
        return result
    }
}
