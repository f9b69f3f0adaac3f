/// A parameter of a statement, `$1` first. The server is told its type (bigint, text, …): where a column is of another type, the
/// statement casts (`$1::int`, `$2::text::timestamptz`).
package enum Parameter: Sendable {
    case null
    case bool(Bool)
    case int(Int64)
    case text(String)
    case bytes([UInt8])
    case ints([Int64])
    case texts([String])
    /// bytea[]
    case blobs([[UInt8]])
}

/// The parameters of one statement in PostgreSQL's binary format, ready for libpq: one buffer for all of them.
struct ParameterBuffer: Sendable {
    private(set) var types: [UInt32] = []
    private var bytes: [UInt8] = []
    private var offsets: [Int] = []
    /// -1: null.
    private var lengths: [Int32] = []

    init() {}

    /// Refuses text that holds U+0000.
    init(_ parameters: [Parameter]) throws(DatabaseError) {
        types.reserveCapacity(parameters.count)
        for parameter in parameters { try append(parameter) }
    }

    /// Forgets the parameters, keeps the memory: for a writer that encodes batch after batch.
    mutating func removeAll() {
        types.removeAll(keepingCapacity: true)
        bytes.removeAll(keepingCapacity: true)
        offsets.removeAll(keepingCapacity: true)
        lengths.removeAll(keepingCapacity: true)
    }

    /// Appends a parameter whose value `encode` writes.
    mutating func append(type: UInt32, _ encode: (inout [UInt8]) -> Void) {
        let offset = bytes.count
        types.append(type)
        offsets.append(offset)
        encode(&bytes)
        lengths.append(Int32(bytes.count - offset))
    }

    private mutating func append(_ parameter: Parameter) throws(DatabaseError) {
        switch parameter {
        case .null:
            types.append(0)
            offsets.append(bytes.count)
            lengths.append(-1)
        case .bool(let value): append(type: TypeOID.bool) { $0.append(value ? 1 : 0) }
        case .int(let value): append(type: TypeOID.bigint) { $0.appendBigEndian(value) }
        case .bytes(let value): append(type: TypeOID.bytea) { $0.append(contentsOf: value) }
        case .ints(let values): append(type: TypeOID.bigintArray) { $0.appendArray(values) }
        case .blobs(let values):
            append(type: TypeOID.byteaArray) { bytes in
                bytes.appendArrayHeader(count: values.count, element: TypeOID.bytea)
                for value in values {
                    bytes.appendBigEndian(Int32(value.count))
                    bytes.append(contentsOf: value)
                }
            }
        case .text(let value):
            guard !value.utf8.contains(0) else { throw .nulInText }
            append(type: TypeOID.text) { $0.append(contentsOf: value.utf8) }
        case .texts(let values):
            guard !values.contains(where: { $0.utf8.contains(0) }) else { throw .nulInText }
            append(type: TypeOID.textArray) { bytes in
                bytes.appendArrayHeader(count: values.count, element: TypeOID.text)
                for value in values {
                    bytes.appendBigEndian(Int32(value.utf8.count))
                    bytes.append(contentsOf: value.utf8)
                }
            }
        }
    }

    /// Calls `body` with what `PQsendQueryPrepared` wants: count, values, lengths, formats (all binary).
    func withPointers<R>(
        _ body: (
            Int32, UnsafePointer<UnsafePointer<CChar>?>?, UnsafePointer<Int32>?, UnsafePointer<Int32>?
        ) -> R
    ) -> R {
        bytes.withUnsafeBytes { buffer in
            // A zero-length value still needs a pointer: a null one would mean SQL's NULL.
            let empty: StaticString = ""
            let base = (buffer.baseAddress ?? UnsafeRawPointer(empty.utf8Start)).assumingMemoryBound(to: CChar.self)
            return withUnsafeTemporaryAllocation(of: UnsafePointer<CChar>?.self, capacity: types.count) { values in
                withUnsafeTemporaryAllocation(of: Int32.self, capacity: types.count) { formats in
                    for index in types.indices {
                        values[index] = lengths[index] < 0 ? nil : base + offsets[index]
                        formats[index] = 1
                    }
                    return lengths.withUnsafeBufferPointer {
                        body(
                            Int32(types.count), UnsafePointer(values.baseAddress), $0.baseAddress,
                            UnsafePointer(formats.baseAddress))
                    }
                }
            }
        }
    }
}
