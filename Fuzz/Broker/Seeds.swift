/// Short stories, told by hand: the operations are those of `Operation`, their bytes those that `Packets` reads.
enum Seeds {
    private static let user1: UInt8 = 2 | 4 | 1 << 3 | 1 << 5
    private static let user2: UInt8 = 1 | 4 | 2 << 3 | 2 << 5
    private static let nobody: UInt8 = 2 | 4

    static func all() -> [[UInt8]] {
        stories.flatMap { story in [[0] + story.joined(), [1] + story.flatMap { $0 + [Operation.settle.rawValue] }] }
    }

    private static let stories: [[[UInt8]]] = [
        // Two clients without tokens, plain topics of each QoS, overlapping filters.
        [
            connect(0, nobody), connect(1, 1 | 4 | 1 << 5), subscribe(0, 1, 2), subscribe(0, 0, 1), subscribe(1, 2, 0),
            publish(1, 0, 1, 1), publish(1, 1, 1, 1), publish(0, 2, 1, 2), [6, 0, 0], [6, 0, 1], [7, 0, 3], [7, 0, 2],
            [8, 1], [5, 0, 1, 1], publish(1, 1, 1, 1), [9, 0, 0], [11, 1],
        ],
        // Stored topics: subscribe, publish, commit, acknowledge; rights come and go.
        [
            connect(0, user1), connect(1, user2), subscribe(0, 7, 1), subscribe(1, 6, 1), subscribe(1, 8, 2),
            publish(0, 1, 3, 2), publish(0, 2, 5, 3), publish(1, 1, 3, 2), [14, 3], [6, 0, 0], [6, 1, 0],
            [18, 1 << 2 | 2], publish(1, 1, 3, 2), [14, 0], [18, 0 << 2 | 2], publish(0, 1, 3, 3), [15], [14, 0],
            [13, 1],
            [13, 1], [16, 1], [17], [18, 5 << 2], [18, 5 << 2], [18, 4 << 2],
        ],
        // A persistent session: leaves, comes back, is taken over, expires; a receive maximum of one.
        [
            connect(0, user1 & ~4, 3 | 1 << 2), subscribe(0, 7, 1), subscribe(0, 1, 2), publish(0, 1, 3, 2),
            publish(0, 1, 3, 2), publish(0, 1, 3, 2), [14, 3], [11, 0], [18, 7 << 2],
            connect(2, user1 & ~4, 3 | 1 << 2),
            [6, 2, 0], [6, 2, 0], connect(3, user1 & ~4, 3), [6, 3, 0], [9, 3, 4], [13, 4],
        ],
        // Logs lose their beginnings while a session is away, and while it has something in flight.
        [
            connect(0, user1 & ~4, 3), subscribe(0, 7, 1), subscribe(0, 1, 2), publish(0, 1, 3, 2),
            publish(0, 1, 3, 2), publish(0, 1, 3, 2), [14, 3], [11, 0], [22, 0, 1], connect(2, user1 & ~4, 3),
            [6, 2, 0], [18, 7 << 2], [18, 7 << 2], [22, 0, 0], connect(3, user1 & ~4, 3), [22, 5, 0], [18, 7 << 2],
        ],
        // Bytes by hand, a slow reader, the clock.
        [
            [0, 0], [2, 0, 14, 0x10, 12, 0, 4, 0x4D, 0x51, 0x54, 0x54, 4, 2, 0, 0, 0, 0], [2, 0, 2, 0xC0, 0],
            connect(1, nobody, 0, 2), subscribe(1, 0, 1), [12, 5], publish(1, 0, 0, 7), publish(1, 1, 0, 7), [12, 1],
            [13, 3], [13, 4], [13, 5], connect(2, nobody, 0x40, 0, 0x21), [10, 2], connect(3, user1, 0, 0x10), [10, 3],
        ],
    ]

    private static func connect(
        _ peer: UInt8, _ who: UInt8, _ limits: UInt8 = 0, _ more: UInt8 = 0, _ will: UInt8 = 0
    ) -> [UInt8] {
        [Operation.connect.rawValue, peer, who, limits, more, will]
    }

    private static func subscribe(_ peer: UInt8, _ filter: UInt8, _ options: UInt8) -> [UInt8] {
        [Operation.subscribe.rawValue, peer, 0, filter, options]
    }

    private static func publish(_ peer: UInt8, _ flags: UInt8, _ topic: UInt8, _ payload: UInt8) -> [UInt8] {
        [Operation.publish.rawValue, peer, flags, topic, payload, peer]
    }
}
