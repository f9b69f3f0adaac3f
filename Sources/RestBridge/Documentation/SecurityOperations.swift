import JSON

/// Passwords, second factors, leaving, and bots.
extension Operation {
    private static let otp = Schema.text.described(
        "A code of the authenticator, or a recovery code, if the account has a second factor.")

    static let security: Table = [
        "POST /password": Operation(
            "Change your password", "Ends your other log-in sessions.",
            body: .json(
                ["current_password": .text, "new_password": .password, "otp?": otp],
                example: #"{"current_password":"a good long one","new_password":"a better longer one"}"#),
            .noContent(), problems: [.wrongPassword, .weakPassword, .invalidOTP, .tooManyRequests, .overloaded]),
        "POST /password/forgot": Operation(
            "Ask for a code to set a new password",
            "Mailed to the address, if it is an account's; the answer does not tell.",
            body: .json(["email": .email], example: #"{"email":"ada@example.org"}"#),
            Answer(status: 202, details: "A mail is on its way, if there is such an account."),
            problems: [.mailNotConfigured, .tooManyRequests, .overloaded]),
        "POST /password/reset": Operation(
            "Set a new password by a mailed code", "Ends all log-in sessions.",
            body: .json(
                ["code": .text, "new_password": .password],
                example: #"{"code":"…","new_password":"a better longer one"}"#),
            .noContent(),
            problems: [.mailNotConfigured, .weakPassword, .invalidCode, .tooManyRequests, .overloaded]),
        "POST /email/verify": Operation(
            "Prove your e-mail address by a mailed code", body: .json(["code": .text], example: #"{"code":"…"}"#),
            .noContent(),
            problems: [.mailNotConfigured, .invalidCode, .tooManyRequests]),
        "POST /mfa/totp": Operation(
            "Begin with a second factor", "It counts once a first code of it has been confirmed.",
            body: .json(["password": .text], example: #"{"password":"a good long one"}"#),
            .created(
                .answer(["secret": .string.described("Base32."), "otpauth_url": .string.described("For a QR code.")]),
                "The authenticator's secret."),
            problems: [.wrongPassword, .mfaEnabled, .tooManyRequests, .overloaded]),
        "POST /mfa/totp/confirm": Operation(
            "Confirm the second factor", "By its first code. Ends your other log-in sessions.",
            body: .json(["otp": .text], example: #"{"otp":"123456"}"#),
            .ok(.ref("RecoveryCodes"), "Codes for the day when the authenticator is lost, shown here only."),
            problems: [.invalidOTP, .tooManyRequests]),
        "POST /mfa/totp/disable": Operation(
            "Give up the second factor", body: passwordAndCode, .noContent(),
            problems: [.wrongPassword, .notFound, .invalidOTP, .tooManyRequests, .overloaded]),
        "POST /mfa/recovery-codes": Operation(
            "Replace the recovery codes", body: passwordAndCode,
            .ok(.ref("RecoveryCodes"), "The new ones; older ones are void."),
            problems: [.wrongPassword, .notFound, .invalidOTP, .tooManyRequests, .overloaded]),
        "POST /account/delete": Operation(
            "Delete your account",
            "Your messages stay, their author becomes a deleted user. Groups of yours pass to the admin, or else member, of the longest standing.",
            body: .json(["password": .text, "otp?": otp], example: #"{"password":"a good long one"}"#), .noContent(),
            problems: [.wrongPassword, .invalidOTP, .tooManyRequests, .overloaded]),
        "GET /account/export": Operation(
            "Export your account",
            "A JSON object a line, each with its `kind`; the last line of a page that goes on is of the kind `next`.",
            parameters: [
                .cursor(.pattern("^((friends|blocks|groups)\\.[0-9]{1,18}|entries\\.[0-9]{1,18}\\.[0-9]{1,18})$"))
            ],
            Answer(
                status: 200, details: "A page of it.", contents: [("application/x-ndjson", .string)], headers: ["Link"])
        ),
    ]

    private static let passwordAndCode = Body.json(
        ["password": .text, "otp": otp], example: #"{"password":"a good long one","otp":"123456"}"#)

    static let bots: Table = [
        "GET /bots": Operation("List your bots", parameters: [.limit, .cursor], .ok(.page(of: .user), "By id.")),
        "POST /bots": Operation(
            "Make a bot", "It is your friend, and accepts friend requests at once.",
            body: .json(
                ["username": .username, "display_name": .displayName],
                example: #"{"username":"echo-bot","display_name":"Echo"}"#),
            .created(.user, "The bot.", headers: ["Location"]), problems: [.usernameTaken, .limitReached]),
        "DELETE /bots/{id}": Operation("Delete a bot", "Its messages stay.", .noContent()),
        "GET /bots/{id}/tokens": Operation(
            "List a bot's tokens", parameters: [.limit, .cursor], .ok(.page(of: .ref("BotToken")), "By id.")),
        "POST /bots/{id}/tokens": Operation(
            "Make a token for a bot",
            body: Body(
                contents: [
                    (
                        "application/json",
                        .request([
                            "name?": .line(1...BotRoutes.tokenNameLengthMax),
                            "expires_in?": .number(1...BotRoutes.tokenSecondsMax).described("Seconds; else a year."),
                        ]).example(#"{"name":"production"}"#)
                    )
                ], isRequired: false),
            .created(.ref("NewBotToken"), "The token, shown here only."), problems: [.limitReached]),
        "DELETE /bots/{id}/tokens/{token_id}": Operation("Revoke a bot's token", .noContent()),
    ]
}
