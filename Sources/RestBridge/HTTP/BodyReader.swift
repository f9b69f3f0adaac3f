import JSON
import Persistence
import Transport

/// Reads the members of a request's JSON object and collects what is wrong with them, so that a client learns of everything at once.
struct BodyReader {
    /// rest.md: at most 1 MiB.
    static let bodyBytesMax = 1 << 20

    private var members: [JSONMember]
    private(set) var errors: [FieldError] = []

    /// - Parameter orNothing: no body is as an empty object.
    init(_ request: RestRequest, orNothing: Bool = false) throws(Problem) {
        guard !orNothing || !request.http.body.isEmpty else {
            members = []
            return
        }
        try Self.checkSize(request.http)
        try Self.checkMediaType(request.http)
        let value: JSONValue
        do throws(JSONError) {
            value = try JSONValue(parsing: request.http.body)
        } catch {
            throw Problem(json: error)
        }
        guard let members = value.object else { throw Problem(.badRequest, "The body must be a JSON object.") }
        self.members = members
    }

    /// For calls without a body: an empty one or an empty object.
    static func expectNone(_ request: RestRequest) throws(Problem) {
        guard !request.http.body.isEmpty else { return }
        let reader = try BodyReader(request)
        try reader.finish()
    }

    static func checkSize(_ request: HTTPRequest) throws(Problem) {
        guard request.body.count <= bodyBytesMax else { throw Problem(.tooLarge, "A body has at most 1 MiB.") }
    }

    /// JSON, or a merge patch (RFC 7396); a missing Content-Type passes, since the body tells.
    static func checkMediaType(_ request: HTTPRequest) throws(Problem) {
        guard let header = request.header("content-type"), header != "application/json" else { return }
        let type = trimmed(header.prefix { $0 != ";" }).lowercased()
        let isPatch = request.method == "PATCH" && type == "application/merge-patch+json"
        guard type == "application/json" || isPatch else {
            throw Problem(.unsupportedMediaType, "Send application/json.", headers: [("Accept", "application/json")])
        }
    }

    /// The member's value; afterwards it counts as known.
    mutating func take(_ name: String) -> JSONValue? {
        guard let index = members.firstIndex(where: { $0.name.utf8.elementsEqual(name.utf8) }) else { return nil }
        return members.remove(at: index).value
    }

    mutating func refuse(_ field: String, _ message: String) {
        errors.append(FieldError(field: field, message: message))
    }

    /// Of two members exactly one must be there; to be asked before they are read.
    mutating func expectOne(of first: String, or second: String) {
        let found = members.filter { ($0.name == first || $0.name == second) && !$0.value.isNull }
        if found.count != 1 { refuse(first, "or \(second) must be there, one of the two") }
    }

    /// An optional member: nil when it is absent or null.
    mutating func optional<Value>(_ name: String, _ rule: Rule<Value>) -> Value? {
        guard let value = take(name), !value.isNull else { return nil }
        return check(name, value, rule)
    }

    /// A member that must be there; nil only if an error was noted.
    mutating func required<Value>(_ name: String, _ rule: Rule<Value>) -> Value? {
        guard let value = take(name), !value.isNull else {
            refuse(name, "is missing")
            return nil
        }
        return check(name, value, rule)
    }

    /// A member of a merge patch: absent, removed by null, or set.
    mutating func patch<Value>(_ name: String, _ rule: Rule<Value>) -> Patch<Value> {
        guard let value = take(name) else { return .absent }
        if value.isNull { return .removed }
        return check(name, value, rule).map { .set($0) } ?? .absent
    }

    private mutating func check<Value>(_ name: String, _ value: JSONValue, _ rule: Rule<Value>) -> Value? {
        switch rule.read(value) {
        case .success(let value): return value
        case .failure(let flaw):
            refuse(flaw.index.map { "\(name).\($0)" } ?? name, flaw.message)
            return nil
        }
    }

    /// Throws if anything was wrong; members that nobody asked for are.
    func finish() throws(Problem) {
        let unknown = members.map { FieldError(field: $0.name, message: "is not known here") }
        guard errors.isEmpty, unknown.isEmpty else { throw Problem(errors: errors + unknown) }
    }
}

enum Patch<Value> {
    case absent, removed
    case set(Value)
}

extension AttachmentChange {
    init(_ patch: Patch<Int64>) {
        switch patch {
        case .absent: self = .keep
        case .removed: self = .remove
        case .set(let id): self = .set(id)
        }
    }

    /// Of a member that is absent when nothing is to be shown.
    init(_ id: Int64?) { self = id.map { .set($0) } ?? .remove }
}

extension Problem {
    /// Not readable as JSON: 400. Readable, but of a kind that JSON leaves undefined and we refuse: 422.
    init(json error: JSONError) {
        switch error.reason {
        case .repeatedName: self.init(.invalidRequest, "A name is repeated (before byte \(error.offset)).")
        case .loneSurrogate, .nulCharacter:
            self.init(.invalidRequest, "A string holds what is no text, at byte \(error.offset).")
        case .unexpectedEnd, .unexpectedCharacter, .notUTF8, .controlCharacter, .badEscape, .badNumber, .tooDeep,
            .trailingBytes:
            self.init(.badRequest, "The body is not JSON: \(error.reason) at byte \(error.offset).")
        }
        if status == 422, let member = error.member { errors = [FieldError(field: member, message: detail)] }
    }
}
