/// Every problem that the API answers with, `/problems/NAME` (RFC 9457): the only place where names, statuses and titles stand together.
package enum ProblemKind: String, Sendable, CaseIterable {
    case badRequest = "bad-request"
    case authenticationRequired = "authentication-required"
    case invalidToken = "invalid-token"
    case invalidCredentials = "invalid-credentials"
    case mfaRequired = "mfa-required"
    case forbidden = "forbidden"
    case wrongPassword = "wrong-password"
    case insufficientScope = "insufficient-scope"
    case notFriends = "not-friends"
    case announcementOnly = "announcement-only"
    case notFound = "not-found"
    case methodNotAllowed = "method-not-allowed"
    case notAcceptable = "not-acceptable"
    case usernameTaken = "username-taken"
    case emailTaken = "email-taken"
    case alreadyFriends = "already-friends"
    case blocked = "blocked"
    case lastOwner = "last-owner"
    case groupFull = "group-full"
    case limitReached = "limit-reached"
    case mfaEnabled = "mfa-enabled"
    case clientRefReused = "client-ref-reused"
    case requestInProgress = "request-in-progress"
    case answerLost = "answer-lost"
    case tooOld = "too-old"
    case inviteGone = "invite-gone"
    case preconditionFailed = "precondition-failed"
    case tooLarge = "too-large"
    case quotaExceeded = "quota-exceeded"
    case unsupportedMediaType = "unsupported-media-type"
    case rangeNotSatisfiable = "range-not-satisfiable"
    case invalidRequest = "invalid-request"
    case idempotencyKeyReused = "idempotency-key-reused"
    case invalidMessage = "invalid-message"
    case weakPassword = "weak-password"
    case invalidOTP = "invalid-otp"
    case invalidCode = "invalid-code"
    case tooManyRequests = "too-many-requests"
    case internalError = "internal-error"
    case mailNotConfigured = "mail-not-configured"
    case overloaded = "overloaded"
    case unavailable = "unavailable"

    package var status: Int {
        switch self {
        case .badRequest: 400
        case .authenticationRequired, .invalidToken, .invalidCredentials, .mfaRequired: 401
        case .forbidden, .wrongPassword, .insufficientScope, .notFriends, .announcementOnly: 403
        case .notFound: 404
        case .methodNotAllowed: 405
        case .notAcceptable: 406
        case .usernameTaken, .emailTaken, .alreadyFriends, .blocked, .lastOwner, .clientRefReused, .requestInProgress,
            .answerLost, .tooOld, .mfaEnabled, .groupFull, .limitReached:
            409
        case .inviteGone: 410
        case .preconditionFailed: 412
        case .tooLarge, .quotaExceeded: 413
        case .unsupportedMediaType: 415
        case .rangeNotSatisfiable: 416
        // A log-in answers 401 to a wrong code.
        case .invalidRequest, .idempotencyKeyReused, .invalidMessage, .weakPassword, .invalidOTP, .invalidCode: 422
        case .tooManyRequests: 429
        case .internalError: 500
        case .mailNotConfigured: 501
        case .overloaded, .unavailable: 503
        }
    }

    package var title: String {
        switch self {
        case .badRequest: "The request cannot be read"
        case .authenticationRequired: "An access token is required"
        case .invalidToken: "The token is not, or no longer, valid"
        case .invalidCredentials: "Unknown user or wrong password"
        case .mfaRequired: "A code of the second factor is required"
        case .wrongPassword: "The password is wrong"
        case .forbidden: "Your role does not allow this"
        case .insufficientScope: "The token is not for this"
        case .notFriends: "You are not friends"
        case .announcementOnly: "Only admins write to this group"
        case .notFound: "There is no such thing"
        case .methodNotAllowed: "The resource does not know this method"
        case .notAcceptable: "Only JSON can be had here"
        case .usernameTaken: "The user name is taken"
        case .emailTaken: "The e-mail address is taken"
        case .alreadyFriends: "You are friends already"
        case .blocked: "You block this user"
        case .lastOwner: "A group needs an owner"
        case .groupFull: "The group is full"
        case .limitReached: "There are as many as there may be"
        case .inviteGone: "The invitation is over"
        case .mfaEnabled: "There is a second factor already"
        case .clientRefReused: "The client_ref stands for another message"
        case .requestInProgress: "A request with this key is being worked on"
        case .answerLost: "The answer to this request is lost"
        case .tooOld: "The message is too old to be edited"
        case .preconditionFailed: "It has changed since you read it"
        case .tooLarge: "The request is too large"
        case .quotaExceeded: "Your attachments take all the room that you have"
        case .unsupportedMediaType: "The body is of another type"
        case .rangeNotSatisfiable: "Nothing of this range is there"
        case .invalidRequest: "The request holds what it may not"
        case .idempotencyKeyReused: "The key stands for another request"
        case .invalidMessage: "The message holds what it may not"
        case .weakPassword: "The password is too weak"
        case .invalidOTP: "The code of the second factor is wrong"
        case .invalidCode: "The code is not, or no longer, good"
        case .tooManyRequests: "Too many requests"
        case .internalError: "The hub failed"
        case .mailNotConfigured: "The hub sends no mail"
        case .overloaded: "The hub has too much to do"
        case .unavailable: "The hub cannot do this now"
        }
    }
}

/// What is wrong with one member of a request; `field` is a dotted path.
struct FieldError: Sendable, Equatable {
    var field: String
    var message: String
}

/// An answer that says what went wrong.
struct Problem: Error, Sendable {
    var name: String
    var title: String
    var status: Int
    var detail: String
    var errors: [FieldError] = []
    var headers: [(name: String, value: String)] = []

    init(_ kind: ProblemKind, _ detail: String, headers: [(name: String, value: String)] = []) {
        name = kind.rawValue
        title = kind.title
        status = kind.status
        self.detail = detail
        self.headers = headers
    }

    /// One that another part of the hub named.
    init(named name: String, status: Int, detail: String) {
        self.name = name
        title = ProblemKind(rawValue: name)?.title ?? "The message was refused"
        self.status = status
        self.detail = detail
    }

    init(errors: [FieldError]) {
        precondition(!errors.isEmpty)
        let fields = errors.map { "\($0.field) \($0.message)" }
        self.init(.invalidRequest, fields.joined(separator: "; ") + ".")
        self.errors = errors
    }

    init(field: String, _ message: String) {
        self.init(errors: [FieldError(field: field, message: message)])
    }

    static var notFound: Problem { Problem(.notFound, "It is not there, or not yours to see.") }

    static func forbidden(_ detail: String) -> Problem { Problem(.forbidden, detail) }

    /// 503, with the seconds after which another try makes sense (RFC 9110 §10.2.3).
    static func tryLater(_ kind: ProblemKind, _ detail: String, afterSeconds: Int = 1) -> Problem {
        Problem(kind, detail, headers: [("Retry-After", "\(afterSeconds)")])
    }
}
