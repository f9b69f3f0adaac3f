import Testing
import Topics

@testable import Persistence

/// The stores of the domain, a log writer and attachments on a fresh database, with a clock that only tests move.
struct AttachmentFixture: Sendable {
    let domain: DomainFixture
    let attachments: AttachmentStore
    let writer: LogWriter

    static func with(_ body: (AttachmentFixture) async throws -> Void) async throws {
        try await DomainFixture.withURL { domain, url in
            let clock = domain.clock
            let chunks = Database(url: url, limits: AttachmentStore.limits)
            try await chunks.start()
            defer { chunks.close() }
            let recorder = Recorder()
            let writer = LogWriter(url: url, database: domain.database, commits: recorder, outcomes: recorder)
            writer.start()
            let fixture = AttachmentFixture(
                domain: domain,
                attachments: AttachmentStore(chunks, ids: domain.context.ids, now: { clock.milliseconds }),
                writer: writer)
            do {
                try await body(fixture)
            } catch {
                await writer.close()
                throw error
            }
            await writer.close()
        }
    }

    static let quota: Int64 = 1_000_000

    /// A complete attachment.
    func upload(_ owner: Int64, bytes: Int = 1_000, name: String = "a.txt") async throws -> Int64 {
        let id = try await attachments.begin(
            ownerID: owner, name: name, mediaType: "text/plain", width: nil, height: nil)
        var left = bytes
        var number = 0
        while left > 0 {
            let count = min(left, AttachmentStore.chunkBytes)
            let chunk = [UInt8](repeating: UInt8(truncatingIfNeeded: number + 1), count: count)
            #expect(try await attachments.append(chunk, number: number, to: id, quota: .max) == .done)
            left -= count
            number += 1
        }
        #expect(try await attachments.complete(id, sha256: [UInt8](repeating: 7, count: 32)) != nil)
        return id
    }

    func mayLoad(_ user: Int64, _ id: Int64) async throws -> Bool {
        try await attachments.attachment(id, for: user) != nil
    }

    /// A message that names attachments, as a door hands it to the log; `reference` is its `client_ref`.
    func name(
        _ ids: [Int64], from sender: Int64, in topic: StoredTopic, reference: UInt64? = nil
    ) async -> AppendOutcome {
        await append(entry(ids, from: sender, in: topic, reference: reference))
    }

    func entry(_ ids: [Int64], from sender: Int64, in topic: StoredTopic, reference: UInt64? = nil) -> Append {
        let id = domain.context.ids.next()
        var append = Append(
            topic: topic, id: id, senderID: sender, kind: .message,
            key: reference.map { IdempotencyKey(high: 1 << 63, low: $0) } ?? IdempotencyKey(entryID: id),
            suffix: Array(",\"body\":{\"attachments\":[\(ids)]}}".utf8))
        append.attachments = ids
        return append
    }

    func append(_ entry: Append) async -> AppendOutcome {
        await withCheckedContinuation { continuation in
            if !writer.append(entry, origin: .task(continuation)) { continuation.resume(returning: .unavailable) }
        }
    }

    func rows(_ table: StaticString) async throws -> Int64 { try await domain.database.query(table).int(0, 0) }
}
