extension ProblemPage {
    /// By name, in the order of docs/codes.md, which has the same words.
    static let all: [ProblemPage] = [
        ProblemPage(
            "bad-request", status: "400", reason: "", retry: "no",
            meanings: [
                "the request, its path, query or JSON can't be read",
                "not HTTP/1.1 as RFC 9112 has it; `detail` says what",
            ]),
        ProblemPage(
            "authentication-required", status: "401", reason: "", retry: "with a token",
            meanings: [
                "no `Authorization`"
            ]),
        ProblemPage(
            "invalid-token", status: "401", reason: "", retry: "after a refresh or log-in",
            meanings: [
                "the access or refresh token is not, or no longer, valid"
            ]),
        ProblemPage(
            "invalid-credentials", status: "401", reason: "", retry: "no",
            meanings: [
                "no such user, or another password: indistinguishable"
            ]),
        ProblemPage(
            "mfa-required", status: "401", reason: "", retry: "with `otp`",
            meanings: [
                "the password is right, and the account has a second factor"
            ]),
        ProblemPage(
            "invalid-otp", status: "401, 422", reason: "", retry: "with the next code, or a recovery code",
            meanings: [
                "the code of the second factor is missing, wrong or was used before; 401 at log-in"
            ]),
        ProblemPage(
            "forbidden", status: "403", reason: "0x87", retry: "no",
            meanings: [
                "a member without the role",
                "Only its author edits a message; its author and a group's admins delete it",
            ]),
        ProblemPage(
            "insufficient-scope", status: "403", reason: "", retry: "with another token",
            meanings: [
                "the token is not for this: a person's own account (`/sessions`, `/password`, `/mfa`, `/account`, `/bots`) takes the scope `user`, which bots never have; `WWW-Authenticate` names it"
            ]),
        ProblemPage(
            "wrong-password", status: "403", reason: "", retry: "no",
            meanings: [
                "the caller's own password is another one"
            ]),
        ProblemPage(
            "not-friends", status: "403", reason: "0x87", retry: "after they are friends",
            meanings: [
                "The two are not friends, or one blocks the other"
            ]),
        ProblemPage(
            "announcement-only", status: "403", reason: "0x87", retry: "no",
            meanings: [
                "Only admins write to an announcement group"
            ]),
        ProblemPage(
            "not-found", status: "404", reason: "0x99", retry: "no",
            meanings: [
                "not there, or not the caller's to see: indistinguishable",
                "What the message refers to is not there: `reply_to`; one of `attachments`, or the sender may not load it",
            ]),
        ProblemPage(
            "method-not-allowed", status: "405", reason: "", retry: "no",
            meanings: [
                "`Allow` names the methods"
            ]),
        ProblemPage(
            "not-acceptable", status: "406", reason: "", retry: "no",
            meanings: [
                "`Accept` excludes JSON"
            ]),
        ProblemPage(
            "username-taken", status: "409", reason: "", retry: "with another",
            meanings: [
                "another account has it"
            ]),
        ProblemPage(
            "email-taken", status: "409", reason: "", retry: "with another",
            meanings: [
                "another account has it"
            ]),
        ProblemPage(
            "already-friends", status: "409", reason: "", retry: "no",
            meanings: [
                "nothing to ask for"
            ]),
        ProblemPage(
            "blocked", status: "409", reason: "", retry: "after unblocking",
            meanings: [
                "the caller blocks this user"
            ]),
        ProblemPage(
            "mfa-enabled", status: "409", reason: "", retry: "after disabling it",
            meanings: [
                "the account has a second factor already"
            ]),
        ProblemPage(
            "last-owner", status: "409", reason: "", retry: "after that",
            meanings: [
                "a group needs an owner: make another member the owner first"
            ]),
        ProblemPage(
            "group-full", status: "409", reason: "", retry: "no",
            meanings: [
                "a group has at most 10,000 members"
            ]),
        ProblemPage(
            "limit-reached", status: "409", reason: "", retry: "after removing one",
            meanings: [
                "a user has 20 bots, a bot 20 tokens, or a group 100 invitations already"
            ]),
        ProblemPage(
            "client-ref-reused", status: "409", reason: "0x83", retry: "with another `client_ref`",
            meanings: [
                "This `client_ref` stands for another message of the same sender on this topic"
            ]),
        ProblemPage(
            "request-in-progress", status: "409", reason: "", retry: "later",
            meanings: [
                "a request with this `Idempotency-Key` is being worked on, or was by a hub that crashed: then for 30 s; `Retry-After`"
            ]),
        ProblemPage(
            "answer-lost", status: "409", reason: "", retry: "after looking what is there",
            meanings: [
                "the request with this `Idempotency-Key` was decided, and the hub failed before it kept the answer"
            ]),
        ProblemPage(
            "invite-gone", status: "410", reason: "", retry: "with another invitation",
            meanings: [
                "the invitation has expired, is used up or revoked, or its group has ended"
            ]),
        ProblemPage(
            "precondition-failed", status: "412", reason: "", retry: "after reading it again",
            meanings: [
                "`If-Match` names an older version"
            ]),
        ProblemPage(
            "too-large", status: "413", reason: "", retry: "no",
            meanings: [
                "a body above 1 MiB; an attachment above `--attachment-bytes-max`",
                "a body above 1 MiB; of `POST /attachments` one above `--attachment-bytes-max` and 64 KiB for a form",
            ]),
        ProblemPage(
            "quota-exceeded", status: "413", reason: "", retry: "after some were deleted",
            meanings: [
                "the user's attachments would have more bytes than `--attachment-quota-bytes`"
            ]),
        ProblemPage(
            "unsupported-media-type", status: "415", reason: "", retry: "no",
            meanings: [
                "the body is not `application/json`; an attachment's bytes contradict its `Content-Type`, or that is malformed"
            ]),
        ProblemPage(
            "range-not-satisfiable", status: "416", reason: "", retry: "no",
            meanings: [
                "nothing of the range is there: `Content-Range` tells the size"
            ]),
        ProblemPage(
            "invalid-request", status: "422", reason: "", retry: "no",
            meanings: [
                "readable, but not what this call takes: `errors`"
            ]),
        ProblemPage(
            "idempotency-key-reused", status: "422", reason: "", retry: "with another key",
            meanings: [
                "this `Idempotency-Key` stands for a request with another body"
            ]),
        ProblemPage(
            "invalid-message", status: "422", reason: "0x99", retry: "no",
            meanings: [
                "The payload is no message; HTTP says why in `detail`, and which member in `errors`"
            ]),
        ProblemPage(
            "weak-password", status: "422", reason: "", retry: "with another",
            meanings: [
                "the new password is too short, too long or one of the most common"
            ]),
        ProblemPage(
            "invalid-code", status: "422", reason: "", retry: "with a new one",
            meanings: [
                "a mailed code that is wrong, used or too old: a password's is good for 30 minutes, an address's for a day"
            ]),
        ProblemPage(
            "too-many-requests", status: "429", reason: "", retry: "later",
            meanings: [
                "too many messages, searches or friend requests of this user (`RateLimit` tells how many are left); too many failed log-ins or codes, sign-ups or mails, by account or address; `Retry-After`. Asked before anything is looked at, so a right password gets it too"
            ]),
        ProblemPage(
            "internal-error", status: "500", reason: "", retry: "later",
            meanings: [
                "a defect of the hub; its log has the `request_id`"
            ]),
        ProblemPage(
            "mail-not-configured", status: "501", reason: "", retry: "no",
            meanings: [
                "the hub runs without `--mail-command`"
            ]),
        ProblemPage(
            "overloaded", status: "503", reason: "", retry: "later",
            meanings: [
                "too many log-ins (the password queue is full), messages, or uploads and downloads of this user or of all; `Retry-After`",
                "Too many messages wait to be stored; MQTT calls it `unavailable`",
            ]),
        ProblemPage(
            "unavailable", status: "503", reason: "0x97", retry: "later",
            meanings: [
                "the database is away; `Retry-After`",
                "The database is away, or refused; too many messages wait to be stored. Whether the message was stored can be unknown",
            ]),
        ProblemPage(
            "origin-not-allowed", title: "This web page may not connect here", status: "403", reason: "", retry: "no",
            meanings: [
                "WebSocket of a web page that is neither the hub's own nor one of `--origin`"
            ]),
        ProblemPage(
            "upgrade-required", title: "This needs a WebSocket", status: "426", reason: "", retry: "no",
            meanings: [
                "`/mqtt` without WebSocket, or with another version than 13"
            ]),
        ProblemPage(
            "target-too-long", title: "The request line is too long", status: "414", reason: "", retry: "no",
            meanings: [
                "a request line above 8 KiB"
            ]),
        ProblemPage(
            "expectation-failed", title: "The hub does not do what is expected", status: "417", reason: "", retry: "no",
            meanings: [
                "an `Expect` other than `100-continue`"
            ]),
        ProblemPage(
            "headers-too-large", title: "The header fields are too large", status: "431", reason: "", retry: "no",
            meanings: [
                "header fields above 32 KiB, or more than 100"
            ]),
        ProblemPage(
            "coding-not-implemented", title: "The hub does not know this transfer coding", status: "501", reason: "",
            retry: "no",
            meanings: [
                "a transfer coding other than `chunked`"
            ]),
        ProblemPage(
            "version-not-supported", title: "The hub does not speak this version of HTTP", status: "505", reason: "",
            retry: "no",
            meanings: [
                "neither HTTP/1.0 nor 1.1"
            ]),
        ProblemPage(
            "not-authorized", title: "You may not use this topic", status: "", reason: "0x87", retry: "no",
            meanings: [
                "Not a topic that this client publishes to: an inbox, somebody else's presence, a plain topic outside the token's `acl` (with scope `service` also a conversation or inbox), `$SYS` and all else that begins with `$`"
            ]),
        ProblemPage(
            "not-a-member", title: "There is no such group of yours", status: "404", reason: "0x87", retry: "no",
            meanings: [
                "No such group, or not one of the user's: indistinguishable. HTTP calls it `not-found` when the right is missing at the start, `not-a-member` when the group ended while the message waited"
            ]),
        ProblemPage(
            "topic-invalid", title: "There is no such topic", status: "", reason: "0x90", retry: "no",
            meanings: [
                "A reserved first level and then no topic: `direct/9/7`, `group/x`, `group/007`"
            ]),
        ProblemPage(
            "too-old", status: "409", reason: "0x83", retry: "no",
            meanings: [
                "A message can be edited for 24 hours"
            ]),
    ]
}
