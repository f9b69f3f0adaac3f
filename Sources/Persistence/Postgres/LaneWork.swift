/// Work on a connection of its own that a lane's thread takes over for a while, beside its tasks. It waits for nothing but answers.
/// All is called on that thread.
protocol LaneWork: AnyObject, Sendable {
    /// Goes as far as it can.
    /// - Returns: the descriptor on which it waits for an answer; nil: it is no longer the lane's.
    func begin() -> Int32?

    /// The same, when that descriptor is readable.
    func resume() -> Int32?

    /// It is no longer the lane's, although it waits.
    func leave()

    /// The lane has taken it, but will not begin.
    func decline()
}
