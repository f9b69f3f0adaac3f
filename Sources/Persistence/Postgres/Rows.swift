import CPostgres

/// Owns a `PGresult`. It is only read after it was made, so every thread may.
final class ResultHandle: @unchecked Sendable {
    let pointer: OpaquePointer

    init(_ pointer: OpaquePointer) { self.pointer = pointer }

    deinit { PQclear(pointer) }

    var status: ExecStatusType { PQresultStatus(pointer) }

    /// Nil if the statement succeeded.
    var error: DatabaseError? {
        switch status {
        case PGRES_COMMAND_OK, PGRES_TUPLES_OK, PGRES_EMPTY_QUERY: nil
        default:
            DatabaseError(
                code: field(Int32(UInt8(ascii: "C"))), constraint: field(Int32(UInt8(ascii: "n"))),
                message: field(Int32(UInt8(ascii: "M"))))
        }
    }

    /// `INSERT 0 1`, `COMMIT`, …
    var commandTag: String { String(cString: PQcmdStatus(pointer)) }

    private func field(_ code: Int32) -> String {
        guard let text = PQresultErrorField(pointer, code) else { return "" }
        return String(cString: text)
    }
}

/// The rows of an answer, in binary format. Columns count from 0. Reading a column as a type that it is not, or a null, is our
/// mistake and traps: the type, which all rows share, is asked for in the first.
package struct Rows: Sendable {
    private let result: ResultHandle
    package let count: Int
    private let columnCount: Int

    init(_ result: ResultHandle) {
        self.result = result
        count = Int(PQntuples(result.pointer))
        columnCount = Int(PQnfields(result.pointer))
    }

    /// Rows that an INSERT, UPDATE or DELETE touched.
    package var affected: Int { Int(String(cString: PQcmdTuples(result.pointer))) ?? 0 }

    var commandTag: String { result.commandTag }

    package func isNull(_ row: Int, _ column: Int) -> Bool {
        checkIndexes(row, column)
        return PQgetisnull(result.pointer, Int32(row), Int32(column)) == 1
    }

    /// smallint, integer or bigint.
    package func int(_ row: Int, _ column: Int) -> Int64 {
        expect(row, column) { $0 == TypeOID.bigint || $0 == TypeOID.integer || $0 == TypeOID.smallint }
        let bytes = field(row, column)
        var reader = BinaryReader(bytes)
        switch bytes.count {
        case 8: return reader.integer(Int64.self)
        case 4: return Int64(reader.integer(Int32.self))
        case 2: return Int64(reader.integer(Int16.self))
        default: preconditionFailure("row \(row), column \(column) is null")
        }
    }

    package func bool(_ row: Int, _ column: Int) -> Bool {
        expect(row, column) { $0 == TypeOID.bool }
        return value(row, column)[0] != 0
    }

    package func text(_ row: Int, _ column: Int) -> String {
        expect(row, column) { $0 == TypeOID.text || $0 == TypeOID.varchar || $0 == TypeOID.name }
        return String(decoding: value(row, column), as: UTF8.self)
    }

    /// bytea, or the 16 bytes of a uuid.
    package func bytes(_ row: Int, _ column: Int) -> [UInt8] {
        expect(row, column) { $0 == TypeOID.bytea || $0 == TypeOID.uuid }
        return [UInt8](value(row, column))
    }

    /// Appends a bytea to what is being made, without a copy in between.
    func append(_ row: Int, _ column: Int, to bytes: inout [UInt8]) {
        expect(row, column) { $0 == TypeOID.bytea }
        bytes.append(contentsOf: value(row, column))
    }

    /// bigint[] (also integer[] and smallint[]).
    package func ints(_ row: Int, _ column: Int) -> [Int64] {
        expect(row, column) {
            $0 == TypeOID.bigintArray || $0 == TypeOID.integerArray || $0 == TypeOID.smallintArray
                || $0 == TypeOID.boolArray
        }
        var reader = BinaryReader(value(row, column))
        return reader.integers()
    }

    /// timestamptz, in Unix milliseconds. Infinite ones are out of the range of what we store.
    package func unixMilliseconds(_ row: Int, _ column: Int) -> Int64 {
        expect(row, column) { $0 == TypeOID.timestamptz }
        var reader = BinaryReader(value(row, column))
        // PostgreSQL counts microseconds since 2000-01-01T00:00:00Z.
        return reader.integer(Int64.self) / 1_000 + 946_684_800_000
    }

    /// Traps if the column is of another type.
    @inline(__always)
    private func expect(_ row: Int, _ column: Int, isIn fits: (UInt32) -> Bool) {
        guard row == 0 else { return }
        let type = PQftype(result.pointer, Int32(column))
        precondition(fits(type), "column \(column) has type \(type)")
    }

    private func value(_ row: Int, _ column: Int) -> UnsafeRawBufferPointer {
        let bytes = field(row, column)
        precondition(!bytes.isEmpty || !isNull(row, column), "row \(row), column \(column) is null")
        return bytes
    }

    /// Empty for a null.
    private func field(_ row: Int, _ column: Int) -> UnsafeRawBufferPointer {
        checkIndexes(row, column)
        return UnsafeRawBufferPointer(
            start: PQgetvalue(result.pointer, Int32(row), Int32(column)),
            count: Int(PQgetlength(result.pointer, Int32(row), Int32(column))))
    }

    private func checkIndexes(_ row: Int, _ column: Int) {
        precondition((0..<count).contains(row), "no row \(row) in \(count)")
        precondition((0..<columnCount).contains(column), "no column \(column)")
    }
}
