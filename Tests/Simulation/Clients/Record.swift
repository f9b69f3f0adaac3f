/// What a client has got, in all of its connections.
struct Record {
    /// By topic id, the end of each log when SUBACK came: what comes after it must be delivered.
    var starts: [Int64: Int64] = [:]
    /// By topic id, how often the client has got each entry.
    var entries: [Int64: [Int64: Int]] = [:]
    /// How often it has got each message of plain topics.
    var messages: [Int: Int] = [:]
    /// By publisher and topic, the newest message that it got among those that were sent once.
    var newest: [Source: Int] = [:]

    struct Source: Hashable {
        var client: Int
        var topic: String
    }
}
