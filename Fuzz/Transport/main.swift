import FuzzSupport
import Transport

// What reads bytes of strangers below MQTT: HTTP, WebSocket frames, the PROXY protocol. The first byte of an input chooses which, the second
// how the rest is cut into pieces: however it arrives, the same must come of it.

fuzz(seeds: Seeds.all, words: Seeds.words) { bytes in
    var input = FuzzInput(bytes)
    let selector = input.byte()
    let sizes = [1, 2, 3, 7, 16, 64, 300, Int(input.byte()) + 1]
    let size = sizes[Int(selector >> 3 & 7)]
    let stream = input.rest()
    let pieces = stride(from: 0, to: stream.count, by: size).map { Array(stream[$0..<min($0 + size, stream.count)]) }
    switch selector & 7 {
    case 0, 1, 2: checkHTTP(stream, pieces, hasSmallLimits: selector & 7 == 2)
    case 3, 4: checkWebSocket(stream, pieces, payloadBytesMax: selector & 7 == 3 ? 1 << 20 : 30)
    case 5: checkText(stream)
    default: checkProxyHeader(stream)
    }
}

/// The small parsers of texts that come from requests.
func checkText(_ bytes: [UInt8]) {
    let text = String(decoding: bytes, as: UTF8.self)
    if let decoded = percentDecoded(text) {
        expect(!decoded.utf8.contains(0), "U+0000 in a path")
        let encoded = decoded.utf8.map { "%" + ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
        expect(percentDecoded(encoded).map { Array($0.utf8) } == Array(decoded.utf8), "percent-encoding")
    }
    if let items = queryItems(text) {
        expect(items.allSatisfy { !$0.name.utf8.contains(0) && !$0.value.utf8.contains(0) }, "U+0000 in a query")
    }
    if let origin = WebOrigin(text) {
        expectEqual(WebOrigin(ofURL: text), origin, "an origin is the origin of itself")
        expectEqual(WebOrigin(ofURL: text + "/path"), origin, "an origin is that of its pages")
        expectEqual(WebOrigin(text.uppercased()), origin, "case matters")
    }
}

/// Nothing is decided too early, and nothing that follows a header changes it.
func checkProxyHeader(_ bytes: [UInt8]) {
    let whole = ProxyHeader.parse(bytes.span)
    for count in 0..<min(bytes.count, ProxyHeader.bytesMax + 1) {
        let part = ProxyHeader.parse(bytes.span.extracting(..<count))
        switch part {
        case .needMore: continue
        case .malformed: expectEqual(whole, .malformed, "more bytes mend a header")
        case .complete(let length, _):
            expect(length <= count && length > 0, "a header is longer than what there is")
            expectEqual(part, whole, "more bytes change a header")
        }
    }
    if case .complete(let length, let source) = whole {
        expect(length <= ProxyHeader.bytesMax, "a header is too long")
        if let source { checkAddress(source, isIPv4: bytes.starts(with: "PROXY TCP4".utf8)) }
        let part = ProxyHeader.parse(bytes.span.extracting(..<(length - 1)))
        expectEqual(part, .needMore, "a header ends before its end")
    } else if whole == .needMore {
        expect(bytes.count < ProxyHeader.bytesMax, "a header never ends")
    }
}

/// The text of an address is an address, the same one.
func checkAddress(_ address: PeerAddress, isIPv4: Bool) {
    let text = address.description
    let family = text.contains(":") ? "TCP6" : "TCP4"
    expect(!isIPv4 || family == "TCP4", "an address of the other family: \(text)")
    let line = Array("PROXY \(family) \(text) \(text) 1 1\r\n".utf8)
    expectEqual(ProxyHeader.parse(line.span), .complete(length: line.count, source: address), "an address as text")
}
