import Synchronization

/// The sessions whose end is being saved: who takes one over waits until that is done, or would read the past.
final class SessionSaver: Sendable {
    private let waiting = Mutex<[UInt64: [@Sendable () -> Void]]>([:])

    var isIdle: Bool { waiting.withLock { $0.isEmpty } }

    func begin(_ claim: SessionRegistry.Claim) {
        waiting.withLock { $0[claim.serial] = [] }
    }

    func finish(_ claim: SessionRegistry.Claim) {
        let actions = waiting.withLock { $0.removeValue(forKey: claim.serial) }
        for action in actions ?? [] { action() }
    }

    /// Runs `action` when the save has ended; at once if there is none.
    func whenSaved(_ claim: SessionRegistry.Claim, _ action: @escaping @Sendable () -> Void) {
        let isWaiting = waiting.withLock { waiting in
            guard waiting[claim.serial] != nil else { return false }
            waiting[claim.serial]?.append(action)
            return true
        }
        if !isWaiting { action() }
    }
}
