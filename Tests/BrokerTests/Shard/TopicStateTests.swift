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
        }
        #expect(Limits.recentEntriesMax / 2...Limits.recentEntriesMax ~= keptCount(topic))
        #expect(topic.recentEntry(501) == nil)
        topic.forgetRecent()
        #expect(keptCount(topic) == 0)
    }

    /// The newest entries without a gap, each the one that was asked for.
    private func keptCount(_ topic: TopicState) -> Int {
        var count: Int64 = 0
        while topic.recentEntry(topic.head - count)?.seq == topic.head - count { count += 1 }
        for seq in 0...(topic.head - count) where topic.recentEntry(seq) != nil { return -1 }
        return Int(count)
    }

    /// Many topics with long messages must not fill the memory.
    @Test func recentEntriesAreBoundedInBytes() {
        var topic = TopicState(.testGroup(7), head: 0)
        for seq in 1...100 {
            topic.advance(to: entry(Int64(seq), bytes: 16_000))
            #expect(keptCount(topic) * 16_000 <= Limits.recentBytesMax)
        }
    }

    /// What is known to be there, by a later entry or by a session that had it, and has not come.
    @Test func missingEntriesAreKnown() {
        var topic = TopicState(.testGroup(7), head: 3)
        topic.noteEnd(3, now: 10)
        #expect(topic.lastMissing == nil)
        topic.noteEnd(5, now: 20)
        topic.noteEnd(4, now: 30)
        #expect(topic.lastMissing == 5 && topic.earlySince == 20)
        topic.advance(to: entry(4))
        #expect(topic.lastMissing == 5)
        topic.advance(to: entry(5))
        #expect(topic.lastMissing == nil)
        topic.early = [entry(8), entry(9)]
        #expect(topic.lastMissing == 7)
    }

    @Test func headsAreForgottenAfterTwoPeriods() {
        var heads = RecentSeqs<Int64>()
        _ = heads.tick(now: 0)
        heads.note(7, 5)
        heads.note(7, 3)
        #expect(heads.seq(of: 7) == 5)
        #expect(heads.seq(of: 8) == 0)
        _ = heads.tick(now: heads.periodMilliseconds - 1)
        _ = heads.tick(now: heads.periodMilliseconds)
        heads.note(8, 1)
        #expect(heads.seq(of: 7) == 5)
        _ = heads.tick(now: 2 * heads.periodMilliseconds)
        #expect(heads.seq(of: 7) == 0)
        #expect(heads.seq(of: 8) == 1)
    }

    /// An admission is announced when PostgreSQL has answered what became of its transaction, asked up to 20 times.
    @Test func lossesAreKnownWhenEarlierAdmissionsCome() {
        let limits = Database.Limits()
        #expect(Limits.lossesMilliseconds > 20 * (limits.waitMilliseconds + limits.statementMilliseconds + 250))
    }

    @Test func framesAreEncodedOncePerForm() throws {
        var frames = FrameSet()
        let topic = Array("a/b".utf8), payload = Array("hello".utf8)
        for version in [ProtocolVersion.v3_1, .v3_1_1, .v5] {
            for qos in [QoS.atMostOnce, .atLeastOnce, .exactlyOnce] {
                for retain in [false, true] {
                    let form = FrameSet.Form(isVersion5: version == .v5, qos: qos, retain: retain)
                    let index = frames.form(form, topic: topic.span, payload: payload.span, forwarded: [])
                    let again = frames.form(form, topic: [UInt8]().span, payload: [UInt8]().span, forwarded: [])
                    #expect(index == again)
                    let frame = frames.frames[index]
                    let header = try #require(try FixedHeader.read(frame.span, at: 0, packetBytesMax: 100))
                    guard qos == .atMostOnce else {
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
        let form = FrameSet.Form(isVersion5: true, qos: .atMostOnce, retain: false)
        let index = frames.form(form, topic: topic.span, payload: [1].span, forwarded: [])
        #expect(frames.frames[index].last == 1)
    }
}
