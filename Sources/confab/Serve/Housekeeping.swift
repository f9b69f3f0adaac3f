import Broker
import Diagnostics
import Persistence

/// Removes, again and again, what nobody needs any more.
struct Housekeeping: Sendable {
    private static let hourly = 3_600
    /// What all sessions have read of the logs of filters is to go soon: it is only a way to them. And a limit on the number of entries is to
    /// mean something in busy topics.
    private static let logSeconds = 60
    /// What was deleted takes room of its user's.
    private static let attachmentSeconds = 60

    let database: Database
    let hub: Hub
    let retention: [TopicKind: RetentionLimit]
    let attachments: AttachmentStore
    let mailroom: Mailroom
    let logger: Logger

    func start() -> [Task<Void, Never>] {
        let sessions = SessionStore(database), logs = FilterLogStore(database), retained = RetainedStore(database)
        let attachments = attachments
        return [
            every(Self.hourly, "expired sessions") { try await sessions.purgeExpired() },
            every(Self.hourly, "expired retained messages") {
                try await retained.purgeExpired(now: SystemClock.wallMilliseconds())
            },
            every(Self.logSeconds, "entries that are too many") {
                try await trim { RetentionLimit(count: $0.count) }
            },
            // For each log an entry has to be looked at, and the shortest age is an hour.
            every(Self.hourly, "entries that are too old") {
                try await trim { RetentionLimit(ageMilliseconds: $0.ageMilliseconds) }
            },
            every(Self.logSeconds, nil) {
                let limit = retention[.filter] ?? RetentionLimit()
                for (log, count) in try await logs.purgeEntries(limit: limit, now: SystemClock.wallMilliseconds()) {
                    hub.metrics.lost.add(UInt64(count))
                    let filter = String(decoding: log.filter, as: UTF8.self)
                    logger.warning("\(count) messages for \(filter) were deleted before all sessions had them")
                }
                return 0
            },
            every(Self.attachmentSeconds, "attachments") { try await attachments.purge() },
            every(Self.hourly, "logs of filters without a session") {
                let gone = try await logs.removeUnwanted()
                mailroom.filterLogsRemoved(gone)
                return gone.count
            },
        ]
    }

    /// - Parameter part: what of a limit counts.
    private func trim(_ part: (RetentionLimit) -> RetentionLimit) async throws -> Int {
        try await RetentionStore(database).trim(
            retention.mapValues(part), now: SystemClock.wallMilliseconds(), trimmed: mailroom.trimmed)
    }

    /// - Parameters:
    ///   - name: what is removed; nil: not worth a line.
    ///   - remove: returns how many.
    private func every(
        _ seconds: Int, _ name: String?, _ remove: @escaping @Sendable () async throws -> Int
    ) -> Task<Void, Never> {
        Task { [logger] in
            while true {
                do {
                    let count = try await remove()
                    if let name, count > 0 { logger.info("removed \(count) \(name)") }
                } catch {
                    guard !Task.isCancelled else { return }
                    logger.warning("\(name ?? "entries that all have read") could not be removed: \(error)")
                }
                guard (try? await Task.sleep(for: .seconds(seconds))) != nil else { return }
            }
        }
    }
}
