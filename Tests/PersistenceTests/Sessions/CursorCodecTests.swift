import Testing

@testable import Persistence

@Suite struct CursorCodecTests {
    @Test(arguments: [
        [], [Cursor(topicID: 1, acked: 0)],
        [
            Cursor(topicID: 127, acked: 127), Cursor(topicID: 128, acked: 128, since: 128),
            Cursor(topicID: .max, acked: .max, since: .max),
        ],
    ])
    func whatWasPackedComesBack(_ cursors: [Cursor]) {
        #expect(CursorCodec.decode(CursorCodec.encode(cursors)) == cursors)
    }

    @Test func packsInAscendingOrderAndSmall() {
        let bytes = CursorCodec.encode([Cursor(topicID: 300, acked: 5, since: 3), Cursor(topicID: 10, acked: 200)])
        #expect(bytes == [10, 0xC8, 1, 0, 0xA2, 2, 5, 3])
    }

    @Test(
        arguments: [
            [5], [0, 1, 0], [0x80], [1, 0x80], [1, 1], [1, 1, 0x80], [1, 1, 1, 5], Array(repeating: 0xFF, count: 12),
            CursorCodec.encode([Cursor(topicID: .max, acked: 1)]) + [1, 1, 1],
        ] as [[UInt8]])
    func foreignBytesAreRefused(_ bytes: [UInt8]) {
        #expect(CursorCodec.decode(bytes) == nil)
    }
}
