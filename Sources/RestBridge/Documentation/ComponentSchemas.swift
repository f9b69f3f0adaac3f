import JSON
import Persistence

/// The objects that the document names, but for those of conversations.
extension Schema {
    static let objects: KeyValuePairs<String, Schema> = [
        "Problem": problem,
        "User": .answer([
            "id": .id, "username": .string, "display_name": .string, "bio?": .string,
            "avatar?": .id.described("The id of an attachment."), "bot?": .bool.described("Only on bots, and true."),
            "owner_id?": .id.described("Whose bot it is."), "created_at": .time,
            "direct_topic?": .string.described("The conversation with you; absent on yourself."),
        ])
        .example(
            #"""
            {"id":"5101","username":"grace","display_name":"Grace","created_at":"2026-11-22T08:00:00.000Z","direct_topic":"direct/5100/5101"}
            """#),
        "Profile": .answer([
            "id": .id, "username": .string, "display_name": .string, "bio?": .string,
            "avatar?": .id.described("The id of an attachment."), "bot?": .bool, "owner_id?": .id, "created_at": .time,
            "email?": .string.described("Absent if an outside issuer brought the user."), "email_verified": .bool,
            "mfa_enabled": .bool, "recovery_codes_left": .seq,
        ])
        .example(
            #"""
            {"id":"5100","username":"ada","display_name":"Ada","created_at":"2026-11-22T08:00:00.000Z","email":"ada@example.org","email_verified":false,"mfa_enabled":false,"recovery_codes_left":0}
            """#),
        "Tokens": .answer([
            "access_token": .string.described("A JWT."), "token_type": .constant("Bearer"),
            "expires_in": .entrySeq.described("Seconds."), "refresh_token": .string.described("Good for one refresh."),
            "user": .ref("Profile"),
        ]),
        "Session": .answer([
            "id": .id, "client": .string.described("Its User-Agent, the first 200 characters."), "address": .string,
            "created_at": .time, "last_seen_at": .time, "current": .bool,
        ]),
        "Device": .answer([
            "client_id": .string, "connected": .bool, "persistent": .bool,
            "protocol?": .string.described("The version of MQTT; only while connected."), "session_id?": .id,
            "subscriptions": .seq, "connected_at?": .time, "last_seen_at": .time, "created_at?": .time,
            "expires_at?": .time,
        ]),
        "BotToken": .answer([
            "id": .id, "name?": .string, "created_at": .time, "expires_at": .time, "last_used_at?": .time,
        ]),
        "NewBotToken": .answer([
            "id": .id, "name?": .string, "token": .string.described("Shown here only."), "created_at": .time,
            "expires_at": .time, "last_used_at?": .time,
        ]),
        "Group": .answer([
            "id": .id, "topic": .string, "name": .string, "picture?": .id.described("The id of an attachment."),
            "owner_id": .id, "my_role": .role, "member_count": .entrySeq, "announcement": .bool, "created_at": .time,
        ])
        .example(
            #"""
            {"id":"7301","topic":"group/7301","name":"Engineers","owner_id":"5100","my_role":"owner","member_count":2,"announcement":false,"created_at":"2026-11-22T08:30:00.000Z"}
            """#),
        "Member": .answer(["user": .user, "role": .role, "joined_at": .time]),
        "Invite": .answer([
            "code": .string, "url": .string, "creator_id": .id, "created_at": .time, "expires_at": .time,
            "uses_left?": .seq.described("Absent: any number."),
        ]),
        "Friend": .answer(["user": .user, "topic": .string, "since": .time]),
        "DatedUser": .answer(["user": .user, "created_at": .time]),
        "PendingRequest": .answer(["status": .constant("pending"), "user": .user, "created_at": .time]),
        "AcceptedRequest": .answer(["status": .constant("accepted"), "user": .user, "since": .time, "topic": .string]),
        "RecoveryCodes": .answer(["recovery_codes": .array(of: .string)]),
        "Attachment": .answer([
            "id": .id, "name?": .string, "media_type": .string, "size": .seq.described("Bytes."),
            "sha256": .pattern("^[0-9a-f]{64}$"), "width?": .entrySeq.described("Pixels, of images."),
            "height?": .entrySeq,
            "url": .string, "created_at": .time,
        ])
        .example(
            #"""
            {"id":"7290","name":"summit.png","media_type":"image/png","size":70,"sha256":"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855","width":1,"height":1,"url":"/attachments/7290","created_at":"2026-11-22T08:59:00.000Z"}
            """#),
    ]

    private static let problem = Schema.answer([
        "type": .string.described("`/problems/NAME`, the address of a page about it."), "title": .string,
        "status": .number(400...599), "detail": .string,
        "request_id": .string.described("As in `X-Request-Id`; the hub's log has it."),
        "errors?": .array(of: .answer(["field": .string.described("A dotted path."), "message": .string]))
            .described("What is wrong with the request, all at once."),
    ]).described("RFC 9457.").example(
        """
        {"type":"/problems/invalid-request","title":"The request holds what it may not","status":422,"detail":"emoji is \
        missing.","request_id":"2o1q7f9s3k","errors":[{"field":"emoji","message":"is missing"}]}
        """)
}
