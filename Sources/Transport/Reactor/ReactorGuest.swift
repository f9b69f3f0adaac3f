/// Something that shares a reactor's thread: it has a descriptor that tells when there is something to do, and a turn in each turn of the reactor.
/// All is called on that thread.
package protocol ReactorGuest: Sendable {
    /// Watched by the reactor.
    var descriptor: Int32 { get }

    /// Before the first turn.
    func moveIn()

    /// All that came from connections has been handled; mail that is posted now is delivered in this turn of the reactor, too.
    /// - Parameter isReadable: whether the descriptor is.
    func turn(isReadable: Bool)

    /// Whether it wants another turn at once.
    var hasWork: Bool { get }

    /// About four times a second.
    func tick()

    /// The reactor's loop has ended.
    func moveOut()
}

extension Reactor where Handler: ~Copyable {
    mutating func giveGuestItsTurn() {
        guard let guest else { return }
        guest.turn(isReadable: isGuestReadable)
        isGuestReadable = false
        deliverMail()
    }
}
