/// What a session asks the database about users, one question at a time: what it wants to know meanwhile is asked together, after the answer.
struct SessionQuestions {
    private var isAsking = false
    private var wanted: Set<Int64> = []

    /// - Returns: whom to ask about now; empty: nobody, or an answer is to come first.
    mutating func want(_ users: [Int64]) -> [Int64] {
        wanted.formUnion(users)
        return next()
    }

    /// The answer is there.
    /// - Returns: whom to ask about now.
    mutating func answered() -> [Int64] {
        isAsking = false
        return next()
    }

    private mutating func next() -> [Int64] {
        guard !isAsking, !wanted.isEmpty else { return [] }
        isAsking = true
        defer { wanted = [] }
        return Array(wanted)
    }
}
