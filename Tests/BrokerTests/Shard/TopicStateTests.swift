import MQTT
import Persistence
import Testing

@testable import Broker

struct TopicStateTests {
    private func entry(_ seq: Int64, bytes: Int = 1) -> LogEntry {
        LogEntry(
            topic: .testGroup(7), seq: seq, id: seq, senderID: 1, kind: .message,
            suffix: [UInt8](repeating: UInt8(ascii: "}"), count: bytes))
    }

    @Test func keepsTheNewestEntries() {
        var topic = TopicState(.testGroup(7), head: 10)
        #expect(topic.recentEntry(10) == nil)
        for seq in 11...500 {
            topic.advance(to: entry(Int64(seq)))
            #expect(topic.head == Int64(seq))
            #expect(topic.recentEntry(Int64(seq))?.seq == Int64(seq))
            #expect(topic.recent.count <= 2 * Limits.recentEntriesMax)
        }
        for seq in Int64(0)...510 {
            let isKept = seq <= 500 && seq > 500 - Int64(topic.recent.count)
            #expect(topic.recentEntry(seq)?.seq == (isKept ? seq : nil))
        }
        #expect(topic.recent.count >= Limits.recentEntriesMax)
    }

    /// Many topics with long messages must not fill the memory.
    @Test func recentEntriesAreBoundedInBytes() {
        var topic = TopicState(.testGroup(7), head: 0)
        for seq in 1...100 {
            topic.advance(to: entry(Int64(seq), bytes: 16_000))
            #expect(topic.recentEntry(Int64(seq)) != nil)
        }
        #expect(topic.recent.reduce(0) { $0 + $1.suffix.count } <= Limits.recentBytesMax)
    }

    @Test func headsAreForgottenAfterTwoPeriods() {
        var heads = RecentHeads()
        #expect(tick(&heads, 0) == true)
        heads.note(7, 5)
        heads.note(7, 3)
        #expect(heads.head(of: 7) == 5)
        #expect(heads.head(of: 8) == 0)
        #expect(tick(&heads, RecentHeads.periodMilliseconds - 1) == false)
        #expect(tick(&heads, RecentHeads.periodMilliseconds) == true)
        heads.note(8, 1)
        #expect(heads.head(of: 7) == 5)
        #expect(tick(&heads, 2 * RecentHeads.periodMilliseconds) == true)
        #expect(heads.head(of: 7) == 0)
        #expect(heads.head(of: 8) == 1)
    }

    @Test func framesAreEncodedOncePerForm() throws {
        var frames = FrameSet()
        let topic = Array("a/b".utf8), payload = Array("hello".utf8)
        for version in [ProtocolVersion.v3_1_1, .v5] {
            for isAcknowledged in [false, true] {
                for retain in [false, true] {
                    let form = FrameSet.Form(
                        isVersion5: version == .v5, isAcknowledged: isAcknowledged, retain: retain)
                    let index = frames.form(form, topic: topic.span, payload: payload.span, forwarded: [])
                    let again = frames.form(form, topic: [UInt8]().span, payload: [UInt8]().span, forwarded: [])
                    #expect(index == again)
                    let frame = frames.frames[index]
                    let header = try #require(try FixedHeader.read(frame.span, at: 0, packetBytesMax: 100))
                    guard isAcknowledged == false else {
                        #expect(
                            Array(frame[frames.packetIDOffset(index)..<frames.packetIDOffset(index) + 2]) == [0, 0])
                        continue
                    }
                    let publish = try Publish.decode(header, in: frame.span, at: 0, version: version)
                    #expect(Array(frame[publish.payload]) == payload)
                    #expect(publish.retain == retain)
                }
            }
        }
        frames.reset()
        let form = FrameSet.Form(isVersion5: true, isAcknowledged: false, retain: false)
        let index = frames.form(form, topic: topic.span, payload: [1].span, forwarded: [])
        #expect(frames.frames[index].last == 1)
    }
}

private func tick(_ heads: inout RecentHeads, _ now: Int64) -> Bool { heads.tick(now: now) }
