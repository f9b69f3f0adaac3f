/// How the topics that a filter matches begin, for who looks for them in an ordered list.
extension TopicFilter {
    /// What stands before the first wildcard; the whole filter if there is none. Without the share name.
    package var literalPrefix: ArraySlice<UInt8> {
        let filter = bytes[start...]
        guard hasWildcards, let end = filter.firstIndex(where: { $0 == Level.single || $0 == Level.multi }) else {
            return filter
        }
        return filter[..<end]
    }

    /// The one topic that is matched and does not begin with `literalPrefix`: `a/b` for `a/b/#` (MQTT 5 §4.7.1.2).
    package var literalParent: [UInt8]? {
        let prefix = literalPrefix
        // With `+/#` nothing stands before the slash.
        guard prefix.count > 1, prefix.endIndex < bytes.count, bytes[prefix.endIndex] == Level.multi else { return nil }
        return Array(prefix.dropLast())
    }
}
