import JSON

/// Accounts, log-ins, profiles, and who else is there.
extension Operation {
    static let accounts: Table = [
        "POST /signup": Operation(
            "Sign up", "Makes an account, and logs it in.",
            body: .json(
                ["username": .username, "email": .email, "password": .password, "display_name?": .displayName],
                example: #"{"username":"ada","email":"ada@example.org","password":"a good long one"}"#),
            .created(.ref("Tokens"), "The account is there.", headers: ["Location"]),
            problems: [.usernameTaken, .emailTaken, .overloaded]),
        "POST /login": Operation(
            "Log in", "By user name or e-mail address, and with a code if the account has a second factor.",
            body: .json(
                .oneOf(
                    .request(["username": .text, "email?": .null, "password": .text, "otp?": .text]),
                    .request(["email": .text, "username?": .null, "password": .text, "otp?": .text])
                ).example(#"{"username":"ada","password":"a good long one"}"#)),
            .ok(.ref("Tokens"), "You are logged in."),
            problems: [.invalidCredentials, .mfaRequired, .invalidOTP, .tooManyRequests, .overloaded]),
        "POST /token/refresh": Operation(
            "Refresh tokens", "A refresh token is good once: the answer has the next.",
            body: .json(["refresh_token": .text], example: #"{"refresh_token":"…"}"#),
            .ok(.ref("Tokens"), "New tokens."), problems: [.invalidToken]),
        "POST /logout": Operation(
            "Log out", "Ends the log-in session of the token, and its MQTT connections.", body: .nothing, .noContent()),
        "GET /sessions": Operation(
            "List your log-in sessions", parameters: [.limit, .cursor],
            .ok(.page(of: .ref("Session")), "The newest first.")),
        "DELETE /sessions/{id}": Operation("End a log-in session", .noContent()),
        "GET /devices": Operation(
            "List your MQTT sessions", "What is connected, and what is kept of clients that are away.",
            parameters: [.limit, .cursor(base64url)], .ok(.page(of: .ref("Device")), "By client id.")),
        "DELETE /devices/{client_id}": Operation(
            "Forget an MQTT session", "The client's log-in goes on: it may connect again, to a new session.",
            .noContent()),
    ]

    static let users: Table = [
        "GET /profile": Operation("Read your profile", .ok(.ref("Profile"), "Your profile.", headers: ["ETag"])),
        "PUT /profile": Operation(
            "Replace your profile", "What is absent, or null, goes.", parameters: [.ifMatch],
            body: .json(
                ["display_name": .displayName, "bio?": .bio, "avatar?": .id],
                example: #"{"display_name":"Ada","bio":"Analytical engines."}"#),
            .ok(.ref("Profile"), "The profile as it is now.", headers: ["ETag"]), problems: [.preconditionFailed]),
        "PATCH /profile": Operation(
            "Change your profile", "A merge patch (RFC 7396): null removes.", parameters: [.ifMatch],
            body: .patch(
                .strictRequest(["display_name?": .displayName, "bio?": .bio.orNull, "avatar?": .id.orNull])
                    .example(#"{"bio":null}"#)),
            .ok(.ref("Profile"), "The profile as it is now.", headers: ["ETag"]), problems: [.preconditionFailed]),
        "GET /users": Operation(
            "Search users", "By the beginning of the user name, whatever its case.",
            parameters: [
                .query(
                    "query", .string(1...Int(BodyReader.bodyBytesMax)), "The beginning of a user name.",
                    isRequired: true), .limit,
                .cursor(.pattern("^[a-z0-9_.-]{1,32}$")),
            ],
            .ok(.page(of: .user), "In order of names.")),
        "GET /users/{id}": Operation("Read a user", .ok(.user, "The user.")),
    ]

    private static let base64url = Schema.pattern(
        "^([A-Za-z0-9_-]{4})*([A-Za-z0-9_-][AQgw]|[A-Za-z0-9_-]{2}[AEIMQUYcgkosw048])?$")
}
