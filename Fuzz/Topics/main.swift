import FuzzSupport
import Topics

// Topic names and filters. An input is a list of lines; the first character of each says what the rest of it is.

fuzz(seeds: Seeds.all, words: Seeds.words) { bytes in
    var input = FuzzInput(bytes)
    let user = ([1, 2, 7, 5_100, .max - 1, .max] as [Int64])[Int(input.byte() % 6)]
    var index = IndexCheck(), access = AccessCheck(user: user)
    var names = NameCheck(user: user)
    // More lines find nothing new, and each is compared with each.
    for _ in 0..<24 where !input.isAtEnd {
        var line = FuzzInput(input.bytes(before: UInt8(ascii: "\n")))
        let kind = line.byte()
        switch kind {
        case UInt8(ascii: "s"), UInt8(ascii: "u"):
            let session = Int32(line.byte() % 6), text = line.rest()
            guard let filter = names.filter(text) else { continue }
            if kind == UInt8(ascii: "s") { index.insert(filter, session) } else { index.remove(filter, session) }
            access.filters.append(filter)
        case UInt8(ascii: "P"): access.publish.append(line.rest())
        case UInt8(ascii: "S"): access.subscribe.append(line.rest())
        case UInt8(ascii: "A"): access.all.append(line.rest())
        case UInt8(ascii: "D"): access.deny.append(line.rest())
        case UInt8(ascii: "C"): access.clientID = line.rest()
        default:
            let topic = line.rest()
            guard isName(topic) else { continue }
            names.topic(topic)
            index.match(topic)
            access.topics.append(topic)
        }
    }
    names.checkAll()
    access.checkAll()
    index.removeAll()
}

/// What the decoder lets through as the name of a topic.
func isName(_ bytes: [UInt8]) -> Bool {
    !bytes.isEmpty && bytes.allSatisfy { $0 != 0 && $0 != UInt8(ascii: "+") && $0 != UInt8(ascii: "#") }
}
