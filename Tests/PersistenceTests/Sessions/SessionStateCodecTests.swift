import Testing

@testable import Persistence

@Suite struct SessionStateCodecTests {
    private static let states: [SessionState] = [
        SessionState(),
        SessionState(cursors: [Cursor(topicID: 3, acked: 9)], nextOrdinal: 12),
        SessionState(
            cursors: [],
            deliveries: [
                .init(ordinal: 0, topicID: 0, seq: 0, isExactlyOnce: true, progress: .released),
                .init(ordinal: 1, topicID: 900, seq: 128, isExactlyOnce: false, progress: .done),
                .init(ordinal: 500, topicID: 7, seq: .max, isExactlyOnce: true, progress: .sent),
            ], nextOrdinal: 501,
            exchanges: [
                .init(packetID: 1, entryID: 1, isPublished: true),
                .init(packetID: 65_535, entryID: .max, isPublished: false),
            ],
            packets: [
                .init(ordinal: 0, isVersion5: true, bytes: [0x32, 9]),
                .init(ordinal: 500, isVersion5: false, bytes: []),
            ]),
    ]

    private func decode(_ outbound: [UInt8], _ inbound: [UInt8] = [], _ packets: [UInt8] = []) -> SessionState? {
        SessionStateCodec.decode(cursors: [], outbound: outbound, inbound: inbound, packets: packets)
    }

    @Test(arguments: states) func whatWasPackedComesBack(_ state: SessionState) {
        let unpacked = SessionStateCodec.decode(
            cursors: CursorCodec.encode(state.cursors), outbound: SessionStateCodec.encodeOutbound(state),
            inbound: SessionStateCodec.encodeInbound(state), packets: SessionStateCodec.encodePackets(state))
        #expect(unpacked == state)
    }

    /// A session without anything under way costs no byte.
    @Test func emptyIsEmpty() {
        #expect(SessionStateCodec.encodeOutbound(SessionState()) == [])
        #expect(SessionStateCodec.encodeInbound(SessionState()) == [])
        #expect(SessionStateCodec.encodePackets(SessionState()) == [])
    }

    /// Each: ends early, an ordinal that is not below the next one, the same ordinal twice, unknown flags, a bad number.
    @Test(
        arguments: [
            [0x80], [5, 1, 0, 7], [5, 5, 0, 7, 1], [5, 1, 0, 7, 1, 0, 0, 7, 2], [5, 1, 6, 7, 1],
            [5, 1, 0, 7] + Array(repeating: 0xFF, count: 10),
        ] as [[UInt8]])
    func foreignDeliveriesAreRefused(_ bytes: [UInt8]) {
        #expect(decode(bytes) == nil)
    }

    /// Each: identifier 0, one above 16 bits, no entry.
    @Test(arguments: [[1, 1], [0x80, 0x80, 8, 1], [2]] as [[UInt8]])
    func foreignExchangesAreRefused(_ bytes: [UInt8]) {
        #expect(decode([], bytes) == nil)
    }

    /// Each: no length, fewer bytes than it says, the same ordinal twice.
    @Test(arguments: [[3], [3, 7, 1, 2], [3, 0, 0, 0]] as [[UInt8]]) func foreignPacketsAreRefused(_ bytes: [UInt8]) {
        #expect(decode([], [], bytes) == nil)
    }

    /// Damage is found or gives another state; it never traps.
    @Test func mutationsNeverTrap() {
        var random = SystemRandomNumberGenerator()
        let bytes = SessionStateCodec.encodeOutbound(Self.states[2])
        for _ in 0..<10_000 {
            var damaged = bytes
            damaged[Int.random(in: 0..<damaged.count, using: &random)] = UInt8.random(in: 0...255, using: &random)
            damaged.removeLast(Int.random(in: 0..<damaged.count, using: &random))
            _ = decode(damaged, damaged, damaged)
        }
    }
}
