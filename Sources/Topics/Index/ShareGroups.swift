/// Numbers for shared subscriptions: one for each (share name, filter) that somebody subscribes to (MQTT 5 §4.8.2).
struct ShareGroups {
    private struct Group {
        var filter: TopicFilter
        var membersCount = 0
    }

    private var numbers: [TopicFilter: UInt32] = [:]
    private var groups: [UInt32: Group] = [:]
    private var lastNumber: UInt32 = 0

    /// 0 for a filter that is not shared; else its number, a new one if need be.
    mutating func group(for filter: TopicFilter) -> UInt32 {
        guard filter.isShared else { return 0 }
        if let number = numbers[filter] { return number }
        repeat { lastNumber = lastNumber == .max ? 1 : lastNumber + 1 } while groups[lastNumber] != nil
        numbers[filter] = lastNumber
        groups[lastNumber] = Group(filter: filter)
        return lastNumber
    }

    func existingGroup(for filter: TopicFilter) -> UInt32? { filter.isShared ? numbers[filter] : 0 }

    func filter(_ number: UInt32) -> TopicFilter? { groups[number]?.filter }

    mutating func retain(_ number: UInt32) {
        if number != 0 { groups[number]?.membersCount += 1 }
    }

    mutating func release(_ number: UInt32) {
        guard number != 0, let group = groups[number] else { return }
        if group.membersCount == 1 {
            groups[number] = nil
            numbers[group.filter] = nil
        } else {
            groups[number]?.membersCount -= 1
        }
    }
}
