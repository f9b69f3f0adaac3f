import Topics

/// SplitMix64: the same sequence for the same seed, on every machine.
struct SeededGenerator: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ mixed >> 30) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ mixed >> 27) &* 0x94D0_49BB_1331_11EB
        return mixed ^ mixed >> 31
    }
}

func filter(_ text: String) throws(FilterError) -> TopicFilter {
    try TopicFilter(validating: Array(text.utf8))
}

/// Takes a string: the macros of Testing can't hold a span.
func classOf(_ topic: String) -> TopicClass {
    let bytes = Array(topic.utf8)
    return classify(bytes.span)
}

extension TopicFilter {
    func matches(_ topic: String) -> Bool {
        let bytes = Array(topic.utf8)
        return matches(bytes.span)
    }
}

/// Matching as the specification tells it (MQTT 5 §4.7), level by level: slow, and easy to believe.
func naiveMatch(_ filter: String, _ topic: String) -> Bool {
    naiveMatch(levels(filter), levels(topic))
}

func levels(_ text: String) -> [[UInt8]] {
    Array(text.utf8).split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false).map { Array($0) }
}

func naiveMatch(_ filter: [[UInt8]], _ topic: [[UInt8]]) -> Bool {
    let isWild = filter[0] == [UInt8(ascii: "+")] || filter[0] == [UInt8(ascii: "#")]
    if isWild, topic[0].first == UInt8(ascii: "$") { return false }
    for (index, level) in filter.enumerated() {
        if level == [UInt8(ascii: "#")] { return topic.count >= index }
        guard index < topic.count, level == [UInt8(ascii: "+")] || level == topic[index] else { return false }
    }
    return filter.count == topic.count
}
