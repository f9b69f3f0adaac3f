import Persistence

/// The kept wills as the broker sees them; tests replace them by memory. `WillStore` says what each call does.
package protocol WillSource: Sendable {
    func connect(
        user: Int64, clientID: [UInt8], continuesSession: Bool, will: StoredWill?, now: Int64
    ) async throws(DatabaseError) -> Bool
    func setRules(_ rules: [UInt8]?, of id: Int64) async throws(DatabaseError)
    func record(_ changes: WillChanges) async throws(DatabaseError)
    func endDelaysWithoutSession(ofUser user: Int64, now: Int64) async throws(DatabaseError) -> Bool
    func due(at now: Int64, except: [Int64], limit: Int) async throws(DatabaseError) -> [StoredWill]
    func nextDue(except: [Int64]) async throws(DatabaseError) -> Int64?
    func setEntries(_ entries: [(id: Int64, entryID: Int64)]) async throws(DatabaseError)
}

extension WillStore: WillSource {}
