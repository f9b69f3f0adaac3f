extension Route {
    /// The whole API. Paths that hold a topic's name stand once for each kind of topic.
    static let all: [Route] = accounts + security + bots + friends + groups + messages + attachments + service

    private static let accounts: [Route] = [
        Route("POST", "/signup", authentication: .none, limit: .signUps, AccountRoutes.signUp),
        Route("POST", "/login", authentication: .none, AccountRoutes.logIn),
        Route("POST", "/token/refresh", authentication: .none, AccountRoutes.refresh),
        Route("GET", "/.well-known/jwks.json", authentication: .none, AccountRoutes.keySet),
        Route("POST", "/logout", SessionRoutes.logOut),
        Route("GET", "/sessions", authentication: .person, SessionRoutes.list),
        Route("DELETE", "/sessions/{id}", authentication: .person, SessionRoutes.revoke),
        Route("GET", "/profile", ProfileRoutes.show),
        Route("PUT", "/profile", ProfileRoutes.replace),
        Route("PATCH", "/profile", ProfileRoutes.patch),
        Route("GET", "/devices", DeviceRoutes.list),
        Route("DELETE", "/devices/{client_id}", DeviceRoutes.forget),
        Route("GET", "/users", limit: .searches, UserRoutes.search),
        Route("GET", "/users/{id}", UserRoutes.show),
    ]

    private static let security: [Route] = [
        Route("POST", "/password", authentication: .person, PasswordRoutes.change),
        Route("POST", "/password/forgot", authentication: .none, PasswordRoutes.forgot),
        Route("POST", "/password/reset", authentication: .none, PasswordRoutes.reset),
        Route("POST", "/email/verify", authentication: .none, PasswordRoutes.verifyAddress),
        Route("POST", "/mfa/totp", authentication: .person, SecondFactorRoutes.propose),
        Route("POST", "/mfa/totp/confirm", authentication: .person, SecondFactorRoutes.confirm),
        Route("POST", "/mfa/totp/disable", authentication: .person, SecondFactorRoutes.disable),
        Route("POST", "/mfa/recovery-codes", authentication: .person, SecondFactorRoutes.renewCodes),
        Route("POST", "/account/delete", authentication: .person, ClosingRoutes.delete),
        Route("GET", "/account/export", authentication: .person, isJSON: false, ClosingRoutes.export),
    ]

    private static let bots: [Route] = [
        Route("GET", "/bots", authentication: .person, BotRoutes.list),
        Route("POST", "/bots", authentication: .person, repeats: .body, BotRoutes.create),
        Route("DELETE", "/bots/{id}", authentication: .person, BotRoutes.delete),
        Route("GET", "/bots/{id}/tokens", authentication: .person, BotRoutes.listTokens),
        Route("POST", "/bots/{id}/tokens", authentication: .person, BotRoutes.createToken),
        Route("DELETE", "/bots/{id}/tokens/{token_id}", authentication: .person, BotRoutes.revokeToken),
    ]

    private static let friends: [Route] = [
        Route("POST", "/friends/add", limit: .friendRequests, repeats: .body, FriendRoutes.add),
        Route("POST", "/friends/accept", FriendRoutes.accept),
        Route("POST", "/friends/decline", FriendRoutes.decline),
        Route("POST", "/friends/cancel", FriendRoutes.cancel),
        Route("POST", "/friends/remove", FriendRoutes.remove),
        Route("GET", "/friends", FriendRoutes.list),
        Route("GET", "/friends/requests", FriendRoutes.requests),
        Route("GET", "/blocks", BlockRoutes.list),
        Route("POST", "/blocks", BlockRoutes.block),
        Route("DELETE", "/blocks/{user_id}", BlockRoutes.unblock),
    ]

    private static let groups: [Route] = [
        Route("GET", "/groups", GroupRoutes.list),
        Route("POST", "/groups", repeats: .body, GroupRoutes.create),
        Route("GET", "/groups/{id}", GroupRoutes.show),
        Route("PUT", "/groups/{id}", GroupRoutes.replace),
        Route("PATCH", "/groups/{id}", GroupRoutes.patch),
        Route("DELETE", "/groups/{id}", GroupRoutes.end),
        Route("POST", "/groups/{id}/add", repeats: .body, MemberRoutes.add),
        Route("POST", "/groups/{id}/remove", MemberRoutes.remove),
        Route("POST", "/groups/{id}/leave", MemberRoutes.leave),
        Route("GET", "/groups/{id}/members", MemberRoutes.list),
        Route("PUT", "/groups/{id}/members/{user_id}", MemberRoutes.setRole),
        Route("GET", "/groups/{id}/invites", InviteRoutes.list),
        Route("POST", "/groups/{id}/invites", repeats: .body, InviteRoutes.create),
        Route("DELETE", "/groups/{id}/invites/{code}", InviteRoutes.revoke),
        Route("GET", "/invites/{code}", InviteRoutes.show),
        Route("POST", "/invites/{code}/accept", InviteRoutes.accept),
    ]

    private static let messages: [Route] = [
        Route("POST", "/messages", limit: .publishes, PublishRoutes.publish),
        Route("GET", "/messages/{user_id}", HistoryRoutes.list),
        Route("GET", "/messages/group/{group_id}", HistoryRoutes.list),
        Route("GET", "/messages/group/{group_id}/{seq}", MessageRoutes.show),
        Route("GET", "/messages/direct/{low}/{high}/{seq}", MessageRoutes.show),
        Route("PATCH", "/messages/group/{group_id}/{seq}", limit: .publishes, MessageRoutes.edit),
        Route("PATCH", "/messages/direct/{low}/{high}/{seq}", limit: .publishes, MessageRoutes.edit),
        Route("DELETE", "/messages/group/{group_id}/{seq}", limit: .publishes, MessageRoutes.delete),
        Route("DELETE", "/messages/direct/{low}/{high}/{seq}", limit: .publishes, MessageRoutes.delete),
        Route(
            "POST", "/messages/group/{group_id}/{seq}/reactions", limit: .publishes, repeats: .body,
            MessageRoutes.react),
        Route(
            "POST", "/messages/direct/{low}/{high}/{seq}/reactions", limit: .publishes, repeats: .body,
            MessageRoutes.react),
        Route("GET", "/conversations", ConversationRoutes.list),
        Route("PUT", "/conversations/group/{group_id}/read", ConversationRoutes.markRead),
        Route("PUT", "/conversations/direct/{low}/{high}/read", ConversationRoutes.markRead),
        Route("GET", "/search", limit: .searches, SearchRoutes.search),
        Route("GET", "/notifications", NotificationRoutes.list),
        Route("POST", "/notifications/read", NotificationRoutes.markRead),
    ]

    private static let attachments: [Route] = [
        Route("POST", AttachmentRoutes.path, repeats: .file, AttachmentRoutes.upload),
        Route("GET", "/attachments/{id}", isJSON: false, AttachmentRoutes.download),
    ]

    private static let service: [Route] = [
        Route("GET", "/openapi.json", authentication: .none, DocumentRoutes.openAPI),
        Route("GET", "/asyncapi.json", authentication: .none, DocumentRoutes.asyncAPI),
        Route("GET", "/docs", authentication: .none, isJSON: false, DocumentRoutes.overview),
        Route("GET", "/docs/assets/{name}", authentication: .none, isJSON: false, DocumentRoutes.asset),
        Route("GET", "/docs/problems", authentication: .none, isJSON: false, DocumentRoutes.problems),
        Route("GET", "/docs/problems/{name}", authentication: .none, isJSON: false, DocumentRoutes.problem),
        Route("GET", "/docs/style.css", authentication: .none, isJSON: false, DocumentRoutes.style),
        Route("GET", "/problems/{name}", authentication: .none, isJSON: false, DocumentRoutes.problemType),
    ]
}
