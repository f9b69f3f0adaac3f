import JSON

/// Friends, requests and blocks.
extension Operation {
    static let friends: Table = [
        "POST /friends/add": Operation(
            "Ask for friendship", "Whoever asks a user that has asked already accepts.",
            body: .json(
                .oneOf(
                    .request(["user_id": .id, "username?": .null]), .request(["username": .text, "user_id?": .null])
                ).example(#"{"username":"grace"}"#)),
            .created(.ref("PendingRequest"), "Asked."),
            .ok(
                .oneOf(.ref("PendingRequest"), .ref("AcceptedRequest")),
                "You are friends now, as the other had asked; or you had asked before, and wait still."),
            problems: [.notFound, .alreadyFriends, .blocked]),
        "POST /friends/accept": Operation(
            "Accept a friend request", body: user, .ok(.ref("AcceptedRequest"), "You are friends."),
            problems: [.notFound]),
        "POST /friends/decline": Operation("Decline a friend request", body: user, .noContent(), problems: [.notFound]),
        "POST /friends/cancel": Operation(
            "Take a friend request back", body: user, .noContent(), problems: [.notFound]),
        "POST /friends/remove": Operation(
            "End a friendship", "The conversation stays readable.", body: user, .noContent(), problems: [.notFound]),
        "GET /friends": Operation(
            "List your friends", parameters: [.limit, .cursor], .ok(.page(of: .ref("Friend")), "By id.")),
        "GET /friends/requests": Operation(
            "List friend requests",
            .ok(
                .answer(["incoming": .array(of: .ref("DatedUser")), "outgoing": .array(of: .ref("DatedUser"))]),
                "Those that wait.")),
        "GET /blocks": Operation(
            "List whom you block", parameters: [.limit, .cursor], .ok(.page(of: .ref("DatedUser")), "By id.")),
        "POST /blocks": Operation(
            "Block a user", "Ends friendship and requests.", body: user,
            .created(.ref("DatedUser"), "Blocked.", headers: ["Location"]), problems: [.notFound]),
        "DELETE /blocks/{user_id}": Operation("Unblock a user", "Restores nothing.", .noContent()),
    ]

    static let user = Body.json(["user_id": .id], example: #"{"user_id":"5101"}"#)
}
