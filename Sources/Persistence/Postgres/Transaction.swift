/// The connection that a transaction holds. Of no use after the transaction's body has returned.
package struct Transaction: Sendable {
    private let connection: PooledConnection
    private let limitMilliseconds: Int64

    init(_ connection: PooledConnection, limitMilliseconds: Int64) {
        self.connection = connection
        self.limitMilliseconds = limitMilliseconds
    }

    package func query(_ sql: StaticString, _ parameters: [Parameter] = []) async throws(DatabaseError) -> Rows {
        try await query(sql, ParameterBuffer(parameters))
    }

    func query(_ sql: StaticString, _ parameters: ParameterBuffer) async throws(DatabaseError) -> Rows {
        try await connection.run(sql, parameters, limitMilliseconds: limitMilliseconds)
    }

    func commit() async throws(DatabaseError) {
        let answer = try await query("COMMIT")
        // A body that hid a failed statement: PostgreSQL answers COMMIT by rolling back.
        guard answer.commandTag == "COMMIT" else {
            throw .refused(code: "25P02", constraint: "", message: "a statement failed, so nothing was committed")
        }
    }
}
