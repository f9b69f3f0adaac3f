extension TopicFilter {
    /// Whether every topic that `other` matches is matched by this filter; share names don't count. Exact: a filter's
    /// set is covered by another's only if each level is, since `+` stands for more names than any filter can list.
    package func covers(_ other: TopicFilter) -> Bool {
        let mine = bytes.span.extracting(start..<bytes.count)
        let levels = other.withParentExcluded
        let its = levels.span
        // Wildcards at the beginning leave out what begins with `$` [MQTT-4.7.2-1].
        if its[0] == UInt8(ascii: "$"), mine[0] == Level.single || mine[0] == Level.multi { return false }
        var myStart = 0
        var itsStart = 0
        while true {
            guard let myEnd = Level.end(in: mine, from: myStart) else {
                return itsStart > its.count
            }
            if Level.isWildcard(mine, myStart..<myEnd, Level.multi) { return true }
            guard let itsEnd = Level.end(in: its, from: itsStart) else { return false }
            // Its `#` includes the parent, and any depth: only a `#` covers that.
            if Level.isWildcard(its, itsStart..<itsEnd, Level.multi) { return false }
            let isSingle = Level.isWildcard(mine, myStart..<myEnd, Level.single)
            guard isSingle || Level.equal(mine, myStart..<myEnd, its, itsStart..<itsEnd) else { return false }
            myStart = myEnd + 1
            itsStart = itsEnd + 1
        }
    }

    /// No topic is empty, so the parent that `#` and `/#` include does not exist, and they match what `+/#` and `/+/#`
    /// match.
    private var withParentExcluded: [UInt8] {
        switch bytes.count - start {
        case 1 where bytes[start] == Level.multi: [Level.single, Level.separator, Level.multi]
        case 2 where bytes[start + 1] == Level.multi:
            [Level.separator, Level.single, Level.separator, Level.multi]
        default: Array(bytes[start...])
        }
    }
}
