import Persistence

/// Where a page of an export ends.
enum ExportCursor: Equatable {
    /// The account itself, and its log-in sessions.
    case start
    /// Lists that go by ascending id: those up to it are done with.
    case friends(after: Int64)
    case blocks(after: Int64)
    case groups(after: Int64)
    case entries(after: ExportStore.Position)

    /// As it stands in the URL of the next page.
    init?(_ text: String) {
        let parts = text.split(separator: ".", omittingEmptySubsequences: false).map(String.init)
        let numbers = parts.dropFirst().compactMap(parseNumber)
        guard numbers.count == parts.count - 1 else { return nil }
        switch (parts[0], numbers.count) {
        case ("friends", 1): self = .friends(after: numbers[0])
        case ("blocks", 1): self = .blocks(after: numbers[0])
        case ("groups", 1): self = .groups(after: numbers[0])
        case ("entries", 2): self = .entries(after: ExportStore.Position(topicID: numbers[0], seq: numbers[1]))
        default: return nil
        }
    }

    var text: String {
        switch self {
        case .start: preconditionFailure("nobody asks for the first page by a cursor")
        case .friends(let id): "friends.\(id)"
        case .blocks(let id): "blocks.\(id)"
        case .groups(let id): "groups.\(id)"
        case .entries(let position): "entries.\(position.topicID).\(position.seq)"
        }
    }
}
