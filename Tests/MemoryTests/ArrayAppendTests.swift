import Memory
import Testing

@Suite struct ArrayAppendTests {
    @Test(
        arguments: [
            0, 1, -1, 9, 10, 99, 100, 101, 99_999_999, 100_000_000, 100_000_001, 1_234_567_890, 10_000_000_000_000_000,
            .max,
            .min,
        ] as [Int64]) func writesDecimals(
            _ value: Int64
        )
    {
        var bytes = Array("x".utf8)
        bytes.append(decimal: value)
        #expect(String(decoding: bytes, as: UTF8.self) == "x\(value)")
    }

    @Test func writesIntoRoomThatWasMadeOnce() {
        let inner: [UInt8] = [1, 2]
        var bytes: [UInt8] = [0]
        bytes.append(addingCapacity: 30) { output in
            output.append(ascii: "id:")
            output.append(ascii: "")
            output.append(decimal: -12)
            output.append(span: inner.span)
        }
        #expect(bytes == [0] + Array("id:-12".utf8) + [1, 2])
    }

    @Test func moreThanThereIsRoomForTraps() async {
        await #expect(processExitsWith: .failure) {
            var bytes: [UInt8] = []
            bytes.append(addingCapacity: 1) { $0.append(ascii: "ab") }
        }
    }

    @Test func appendsLiteralsAndSpans() {
        var bytes: [UInt8] = []
        bytes.append(ascii: "")
        bytes.append(ascii: "ab")
        let more: [UInt8] = [1, 2], none: [UInt8] = []
        bytes.append(span: more.span)
        bytes.append(span: none.span)
        #expect(bytes == [97, 98, 1, 2])
        for bytes in [bytes, none] {
            let copy = [UInt8](span: bytes.span)
            #expect(copy == bytes)
        }
    }
}
