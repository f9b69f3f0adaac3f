/// The body of an answer that is made while it is sent: the next piece is asked for when the connection has sent most of the one before,
/// so a slow client costs no more memory than a fast one. Let go of when all is sent, or the client is gone.
package protocol HTTPBodySource: AnyObject, Sendable {
    /// Bytes of all pieces together.
    var length: Int { get }

    /// The next piece: not empty, at most what is left. Asked for one after the other. Throws if there is no way to go on; then the
    /// connection breaks, by which the client knows that it has not got all.
    func next() async throws -> [UInt8]
}
