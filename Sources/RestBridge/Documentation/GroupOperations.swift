import JSON
import Persistence

/// Groups, their members, and invitations.
extension Operation {
    static let groups: Table = [
        "GET /groups": Operation("List your groups", parameters: [.limit, .cursor], .ok(.page(of: .group), "By id.")),
        "POST /groups": Operation(
            "Make a group",
            body: .json(
                [
                    "name": name, "picture?": .id,
                    "members?": .ids(max: GroupRoutes.idsMax).described("Friends of yours."),
                    "announcement?": .bool.described("Only admins write to it."),
                ], example: #"{"name":"Engineers","members":["5101"]}"#),
            .created(.group, "The group.", headers: ["Location", "ETag"])),
        "GET /groups/{id}": Operation("Read a group", .ok(.group, "The group.", headers: ["ETag"])),
        "PUT /groups/{id}": Operation(
            "Replace a group's properties", "What is absent, or null, goes.", parameters: [.ifMatch],
            body: .json(["name": name, "picture?": .id, "announcement?": .bool], example: #"{"name":"Engineers"}"#),
            .ok(.group, "The group as it is now.", headers: ["ETag"]), problems: [.forbidden, .preconditionFailed]),
        "PATCH /groups/{id}": Operation(
            "Change a group's properties", "A merge patch (RFC 7396): null removes.", parameters: [.ifMatch],
            body: .patch(
                .strictRequest(["name?": name, "picture?": .id.orNull, "announcement?": .bool.orNull])
                    .example(#"{"announcement":true}"#)),
            .ok(.group, "The group as it is now.", headers: ["ETag"]), problems: [.forbidden, .preconditionFailed]),
        "DELETE /groups/{id}": Operation(
            "End a group", "Erases its log. Its owner may.", .noContent(), problems: [.forbidden]),
        "POST /groups/{id}/add": Operation(
            "Add members", "Friends of yours.",
            body: .json(
                .oneOf(
                    .request(["user_id": .id, "user_ids?": .null]),
                    .request(["user_ids": .ids(max: GroupRoutes.idsMax), "user_id?": .null])
                ).example(#"{"user_ids":["5101","5102"]}"#)),
            .ok(
                .answer([
                    "results": .array(
                        of: .answer([
                            "user_id": .id, "status": .choice(GroupStore.AddStatus.allCases.map(\.rawValue)),
                        ]))
                ]), "What came of each, in the order of the request."),
            problems: [.forbidden]),
        "POST /groups/{id}/remove": Operation(
            "Remove a member", body: user, .noContent(), problems: [.forbidden, .lastOwner]),
        "POST /groups/{id}/leave": Operation(
            "Leave a group", "Its owner only if alone; then the group ends.", body: .nothing, .noContent(),
            problems: [.lastOwner]),
        "GET /groups/{id}/members": Operation(
            "List a group's members", parameters: [.limit, .cursor], .ok(.page(of: .ref("Member")), "By id.")),
        "PUT /groups/{id}/members/{user_id}": Operation(
            "Give a member a role", "The owner who makes another the owner becomes an admin.",
            body: .json(["role": .role], example: #"{"role":"admin"}"#), .ok(.ref("Member"), "The member."),
            problems: [.forbidden, .lastOwner]),
        "GET /groups/{id}/invites": Operation(
            "List a group's invitations", parameters: [.limit, .cursor], .ok(.page(of: .ref("Invite")), "By age."),
            problems: [.forbidden]),
        "POST /groups/{id}/invites": Operation(
            "Make an invitation",
            body: Body(
                contents: [
                    (
                        "application/json",
                        .request([
                            "expires_in?": .number(1...InviteRoutes.secondsMax).described("Seconds; else seven days."),
                            "uses?": .number(1...GroupStore.membersMax).described(
                                "How many it lets in; else any number."),
                        ]).example(#"{"uses":10}"#)
                    )
                ], isRequired: false),
            .created(.ref("Invite"), "The invitation.", headers: ["Location"]), problems: [.forbidden, .limitReached]),
        "DELETE /groups/{id}/invites/{code}": Operation("Revoke an invitation", .noContent(), problems: [.forbidden]),
        "GET /invites/{code}": Operation(
            "Look at an invitation",
            .ok(.answer(["name": .string, "picture?": .id, "member_count": .entrySeq]), "What it invites to."),
            problems: [.inviteGone, .groupFull]),
        "POST /invites/{code}/accept": Operation(
            "Join a group by an invitation", body: .nothing, .ok(.group, "The group."),
            problems: [.inviteGone, .groupFull]),
    ]

    private static let name = Schema.line(GroupRoutes.nameLength)
}
