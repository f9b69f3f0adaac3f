import Persistence
import Transport

/// Reads the parameters of a query and collects what is wrong with them.
struct QueryReader {
    static let limitDefault = 50
    static let limitMax: Int64 = 200

    private var items: [(name: String, value: String)]
    private var errors: [FieldError] = []

    init(_ request: RestRequest) throws(Problem) {
        guard let items = queryItems(request.http.query) else {
            throw Problem(.badRequest, "The query is not percent-encoded UTF-8.")
        }
        self.items = items
        for (index, item) in items.enumerated() where items[..<index].contains(where: { $0.name == item.name }) {
            refuse(item.name, "stands twice")
        }
    }

    mutating func refuse(_ field: String, _ message: String) {
        errors.append(FieldError(field: field, message: message))
    }

    mutating func text(_ name: String) -> String? {
        guard let index = items.firstIndex(where: { $0.name == name }) else { return nil }
        return items.remove(at: index).value
    }

    mutating func number(_ name: String) -> Int64? {
        guard let text = text(name) else { return nil }
        guard let number = parseNumber(text) else {
            refuse(name, "must be a number of 0 or more")
            return nil
        }
        return number
    }

    /// How many items the page may have.
    mutating func limit() -> Int {
        guard let text = text("limit") else { return Self.limitDefault }
        guard let number = parseNumber(text), 1...Self.limitMax ~= number else {
            refuse("limit", "must be a number from 1 to \(Self.limitMax)")
            return Self.limitDefault
        }
        return Int(number)
    }

    /// A cursor that we gave out, read by `parse`.
    mutating func cursor<Value>(_ parse: (String) -> Value?) -> Value? {
        guard let text = text("cursor") else { return nil }
        guard let value = parse(text) else {
            refuse("cursor", "is none that was given out")
            return nil
        }
        return value
    }

    /// `before` and `after`, of which one may be there.
    mutating func position() -> HistoryStore.Position {
        let before = number("before")
        let after = number("after")
        guard let after else { return .before(before) }
        if before != nil { refuse("before", "excludes after") }
        return .after(after)
    }

    /// Throws if anything was wrong; parameters that nobody asked for are.
    func finish() throws(Problem) {
        let unknown = items.map { FieldError(field: $0.name, message: "is not known here") }
        guard errors.isEmpty, unknown.isEmpty else { throw Problem(errors: errors + unknown) }
    }
}
