import Persistence
import Synchronization
import Topics

/// Who was found to have the right to publish where, so that a busy sender's messages cost one statement each and not two. What this hub changes
/// it forgets at once, before whoever asked for the change has an answer; what another process changes, within `freshMilliseconds`.
package final class KnownRights: CommitObserver, RevocationObserver {
    private static let freshMilliseconds: Int64 = 2_000
    private static let entriesMax = 16_384

    private struct Entry {
        var right: PublishRight
        var freshUntil: Int64
    }

    private struct State {
        /// By conversation, then by user.
        var entries: [TopicAddress: [Int64: Entry]] = [:]
        var count = 0
        /// Counts what was forgotten: a right that was asked for before may be gone.
        var changes: UInt64 = 0

        mutating func remove(_ address: TopicAddress) {
            changes &+= 1
            count -= entries.removeValue(forKey: address)?.count ?? 0
        }

        mutating func clear() {
            changes &+= 1
            entries.removeAll(keepingCapacity: true)
            count = 0
        }
    }

    private let state = Mutex(State())
    private let commits: any CommitObserver
    private let revocations: any RevocationObserver

    /// - Parameters:
    ///   - commits: hears of entries after this.
    ///   - revocations: hears of ends after this.
    package init(commits: any CommitObserver, revocations: any RevocationObserver) {
        self.commits = commits
        self.revocations = revocations
    }

    /// - Parameter now: Unix milliseconds.
    func right(
        of userID: Int64, on address: TopicAddress, _ directory: DirectoryStore, now: Int64
    ) async throws(DatabaseError) -> PublishRight {
        let (known, changes) = state.withLock { ($0.entries[address]?[userID], $0.changes) }
        if let known, now < known.freshUntil { return known.right }
        let right = try await directory.publishRight(of: userID, on: address)
        guard right.isOne else { return right }
        state.withLock { state in
            guard state.changes == changes else { return }
            if state.count >= Self.entriesMax { state.clear() }
            let entry = Entry(right: right, freshUntil: now + Self.freshMilliseconds)
            if state.entries[address, default: [:]].updateValue(entry, forKey: userID) == nil { state.count += 1 }
        }
        return right
    }

    package func committed(_ entries: [LogEntry]) {
        for entry in entries where entry.change != nil { forget(entry) }
        commits.committed(entries)
    }

    package func sessionRevoked(_ sessionID: Int64) { revocations.sessionRevoked(sessionID) }

    package func userEnded(_ userID: Int64) {
        state.withLock { $0.clear() }
        revocations.userEnded(userID)
    }

    private func forget(_ entry: LogEntry) {
        let address: TopicAddress
        switch (entry.change, entry.topic.address) {
        case (.friendAdded(let friend, _, _)?, .inbox(let owner)), (.friendRemoved(let friend)?, .inbox(let owner)):
            address = .direct(between: owner, and: friend)
        case (_, let own): address = own
        }
        state.withLock { $0.remove(address) }
    }
}

extension PublishRight {
    /// Whether it lets one do anything. Refusals are not kept: who gets a right has it at once, whoever gave it.
    fileprivate var isOne: Bool {
        switch self {
        case .allowed, .announcementOnly: true
        case .notFriends, .notFound: false
        }
    }
}
