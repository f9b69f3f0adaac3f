import COpenSSL
import Memory

/// A row of a reactor's connection table.
struct Connection {
    struct Flags: OptionSet {
        var rawValue: UInt32
        static let open = Flags(rawValue: 1)
        static let readingPaused = Flags(rawValue: 2)
        /// EPOLLOUT is armed: the socket's buffer was full.
        static let awaitsWritability = Flags(rawValue: 4)
        static let dirty = Flags(rawValue: 8)
        /// Send what is queued, then half-close and wait for the peer to do the same.
        static let finishing = Flags(rawValue: 16)
        static let lingering = Flags(rawValue: 32)
        /// To be closed at the end of the turn.
        static let closing = Flags(rawValue: 64)
        static let resumed = Flags(rawValue: 128)
        static let aboveHighWater = Flags(rawValue: 256)
        /// The peer sends no more; it may still read.
        static let inputEnded = Flags(rawValue: 512)
        /// So it will be, once the handler has taken what it holds back.
        static let inputEndPending = Flags(rawValue: 4096)
        /// A write failed: nothing reaches the peer any more, but what it sent before that still counts.
        static let outputLost = Flags(rawValue: 1024)
        /// TLS: the last record is made.
        static let closeNotified = Flags(rawValue: 2048)
        /// The handler was told of it, and not yet of its end.
        static let known = Flags(rawValue: 8192)
        /// A proxy's header is still to come.
        static let awaitsProxyHeader = Flags(rawValue: 16384)
        /// The handler has more to send, once there is room.
        static let wantsRefill = Flags(rawValue: 32768)
        /// The poller does not report what can be read.
        static let unwatched = Flags(rawValue: 65536)
    }

    var descriptor: Int32 = -1
    var generation: UInt32 = 0
    var flags: Flags = []
    /// Its place in `Connections.webSockets`; -1: it speaks none.
    var webSocket: Int32 = -1
    var tls: TLSSession?
    /// Bytes for the peer, before encryption.
    var output = OutputQueue()
    /// Encrypted bytes that the socket did not take yet.
    var cipherOutput = OutputQueue()
    /// What the handler has not used yet: the beginning of a packet.
    var tail: [UInt8] = []
    /// Milliseconds; 0: none.
    var deadline: Int64 = 0
    /// When its entry in the deadline wheel comes up; 0: it has none.
    var scheduledAt: Int64 = 0

    var queuedBytes: Int { output.count + cipherOutput.count }
}
