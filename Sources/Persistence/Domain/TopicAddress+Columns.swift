import Topics

extension TopicAddress {
    /// Parameters of `confab_readable`: kind, id, low, high.
    var columns: [Parameter] {
        switch self {
        case .inbox(let user): [.int(1), .int(user), .int(0), .int(0)]
        case .direct(let low, let high): [.int(2), .int(0), .int(low), .int(high)]
        case .group(let group): [.int(3), .int(group), .int(0), .int(0)]
        case .filterLog: preconditionFailure("nobody reads the log of a filter by name")
        }
    }
}
