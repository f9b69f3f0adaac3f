import FuzzSupport
import MQTT

// The decoders of MQTT. The first byte of an input chooses the version, who sends and how large a packet may be; the rest is a stream.

fuzz(seeds: Seeds.all, words: Seeds.words) { bytes in
    var input = FuzzInput(bytes)
    let selector = input.byte()
    let limits = [65_536, 65_536, 40, FixedHeader.packetBytesLimit]
    let check = StreamCheck(
        version: [.v3_1, .v3_1_1, .v5, .v5][Int(selector & 3)], isFromClient: selector & 4 == 0,
        packetBytesMax: limits[Int(selector >> 3 & 3)])
    let stream = input.rest()
    check.run(stream)
    checkText(stream)
}

/// The decoder's own idea of UTF-8 is the standard library's, without U+0000 where it is a string.
func checkText(_ bytes: [UInt8]) {
    let isUTF8 = String(validating: bytes, as: UTF8.self) != nil
    expectEqual(UTF8Text.isWellFormed(bytes.span, bytes.indices), isUTF8, "UTF-8")
    expectEqual(UTF8Text.isString(bytes.span, bytes.indices), isUTF8 && !bytes.contains(0), "a string")
}
