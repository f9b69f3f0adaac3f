/// Why a statement failed.
package enum DatabaseError: Error, Sendable, Equatable {
    /// No connection, or it broke, or it did not answer in time: the outcome of what was running is unknown.
    case unavailable(String)
    /// PostgreSQL's answer: SQLSTATE (five characters), the constraint's name if one was violated (else empty), its message.
    case refused(code: String, constraint: String, message: String)

    package var isUniqueViolation: Bool {
        if case .refused(code: "23505", _, _) = self { true } else { false }
    }

    /// Serialisation failure and deadlock: the same transaction may succeed when it is repeated.
    var isRetryable: Bool {
        switch self {
        case .refused(let code, _, _): code == "40001" || code == "40P01"
        case .unavailable: false
        }
    }
}

extension DatabaseError: CustomStringConvertible {
    package var description: String {
        switch self {
        case .unavailable(let reason): "the database does not answer: \(reason)"
        case .refused(let code, _, let message): "the database refuses: \(message) (SQLSTATE \(code))"
        }
    }
}

extension DatabaseError {
    /// Text with U+0000, which PostgreSQL cannot store: answered as the server would, without asking it.
    static let nulInText = DatabaseError.refused(
        code: "22021", constraint: "", message: "invalid byte sequence for encoding \"UTF8\": 0x00")

    /// Beginnings of SQLSTATEs that say nothing about the statement itself: connection exception, insufficient resources (a full disk is
    /// 53100), operator intervention (57014 is a cancelled statement, 57P01 a shutdown), system error, a server that cannot write.
    private static let aboutTheServer = ["08", "53", "57P", "57014", "58", "25006"]

    /// From the server's answer.
    init(code: String, constraint: String, message: String) {
        let aboutTheServer = code.isEmpty || Self.aboutTheServer.contains { code.hasPrefix($0) }
        self =
            aboutTheServer
            ? .unavailable(message) : .refused(code: code, constraint: constraint, message: message)
    }
}
