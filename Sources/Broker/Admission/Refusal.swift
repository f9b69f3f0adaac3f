import MQTT
import Persistence

/// Why a publish or a subscription is refused: one name at every door, with its MQTT 5 reason code and its HTTP status (docs/codes.md).
package struct Refusal: Error, Sendable {
    /// The problem's name, `/problems/NAME`.
    package var name: String
    package var detail: String
    /// The member that is wrong, if it is one, and how.
    package var field: (name: String, message: String)?
    package var code: ReasonCode
    package var status: Int

    init(_ name: String, _ detail: String, field: (name: String, message: String)? = nil, code: ReasonCode, status: Int)
    {
        self.name = name
        self.detail = detail
        self.field = field
        self.code = code
        self.status = status
    }

    static func invalidPayload(_ detail: String) -> Refusal {
        Refusal("invalid-message", detail, code: .payloadFormatInvalid, status: 422)
    }

    static func invalidMember(_ field: String, _ detail: String) -> Refusal {
        Refusal(
            "invalid-message", "\(field): \(detail).", field: (field, detail), code: .payloadFormatInvalid, status: 422)
    }

    static let notAuthorized = Refusal(
        "not-authorized", "You may not use this topic.", code: .notAuthorized, status: 403)
    static let notFriends = Refusal(
        "not-friends", "You can write to each other only while you are friends.", code: .notAuthorized, status: 403)
    static let notAMember = Refusal(
        "not-a-member", "There is no such group of yours.", code: .notAuthorized, status: 404)
    static let announcementOnly = Refusal(
        "announcement-only", "Only admins write to an announcement group.", code: .notAuthorized, status: 403)
    static let clientRefReused = Refusal(
        "client-ref-reused", "This client_ref stands for another message.", code: .implementationSpecificError,
        status: 409)
    static let notTheAuthor = Refusal(
        "forbidden", "Only its author may do that, or an admin who deletes it.", code: .notAuthorized, status: 403)
    static let tooOld = Refusal(
        "too-old", "A message can be edited for 24 hours.", code: .implementationSpecificError, status: 409)
    static let notFound = Refusal(
        "not-found", "What this refers to is not there.", code: .payloadFormatInvalid, status: 404)
    static let unavailable = Refusal(
        "unavailable", "The message could not be stored now; try again.", code: .quotaExceeded, status: 503)

    init(_ flaw: Annotation.Flaw) {
        switch flaw {
        case .noSuchMessage: self = .notFound
        case .notTheAuthor: self = .notTheAuthor
        case .tooOld: self = .tooOld
        }
    }
}
