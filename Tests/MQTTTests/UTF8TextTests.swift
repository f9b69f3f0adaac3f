import MQTT
import Testing

@Suite struct UTF8TextTests {
    @Test("agrees with the standard library on every sequence of a lead byte and its neighbours")
    func sequences() {
        let edges: [UInt8] = [0x00, 0x41, 0x7F, 0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF, 0xC0, 0xFF]
        for lead in UInt8.min...UInt8.max {
            for second in edges {
                for third in edges {
                    for fourth in edges { check([lead, second, third, fourth]) }
                }
                check([lead, second])
            }
            check([lead])
        }
    }

    @Test("in every position around the blocks of 32 bytes")
    func positions() {
        for offset in 0..<70 {
            let text = [UInt8](repeating: 0x61, count: offset)
            check(text + [0xC3, 0xA4] + text)
            check(text + [0xC3])
            check(text + [0xFF] + text)
            check(text + [0xF0, 0x9F, 0x98, 0x80])
        }
    }

    private func check(_ bytes: [UInt8]) {
        let isValid = String(validating: bytes, as: UTF8.self) != nil
        let isWellFormed = UTF8Text.isWellFormed(bytes.span, 0..<bytes.count)
        let isString = UTF8Text.isString(bytes.span, 0..<bytes.count)
        #expect(isWellFormed == isValid, "\(bytes)")
        // [MQTT-1.5.4-2]: a string must not contain U+0000.
        #expect(isString == (isValid && !bytes.contains(0)), "\(bytes)")
    }
}
