/// Object ids of the built-in types that we send or read (PostgreSQL: catalog/pg_type.dat; they never change).
enum TypeOID {
    static let bool: UInt32 = 16
    static let bytea: UInt32 = 17
    static let name: UInt32 = 19
    static let bigint: UInt32 = 20
    static let smallint: UInt32 = 21
    static let integer: UInt32 = 23
    static let text: UInt32 = 25
    static let varchar: UInt32 = 1043
    static let timestamptz: UInt32 = 1184
    static let uuid: UInt32 = 2950
    static let boolArray: UInt32 = 1000
    static let byteaArray: UInt32 = 1001
    static let smallintArray: UInt32 = 1005
    static let integerArray: UInt32 = 1007
    static let textArray: UInt32 = 1009
    static let bigintArray: UInt32 = 1016
    static let uuidArray: UInt32 = 2951
}

extension [UInt8] {
    mutating func appendBigEndian<T: FixedWidthInteger>(_ value: T) {
        Swift.withUnsafeBytes(of: value.bigEndian) { append(contentsOf: $0) }
    }

    /// The head of a one-dimensional array without nulls; its elements follow, each as a 32-bit length and the value.
    mutating func appendArrayHeader(count: Int, element: UInt32) {
        appendBigEndian(Int32(count == 0 ? 0 : 1))
        appendBigEndian(Int32(0))
        appendBigEndian(element)
        guard count > 0 else { return }
        appendBigEndian(Int32(count))
        appendBigEndian(Int32(1))
    }

    mutating func appendArray(_ values: [Int64]) {
        reserveCapacity(count + 20 + values.count * 12)
        appendArrayHeader(count: values.count, element: TypeOID.bigint)
        for value in values { appendElement(value) }
    }

    /// One element of fixed width: its length, then the value.
    mutating func appendElement<T: FixedWidthInteger>(_ value: T) {
        appendBigEndian(Int32(MemoryLayout<T>.size))
        appendBigEndian(value)
    }
}

/// Reads PostgreSQL's binary format from a result that libpq keeps alive. What does not fit is our own mistake (a column read as a
/// type that it is not), hence traps.
struct BinaryReader {
    private var rest: UnsafeRawBufferPointer

    init(_ bytes: UnsafeRawBufferPointer) { rest = bytes }

    mutating func integer<T: FixedWidthInteger>(_: T.Type) -> T {
        precondition(rest.count >= MemoryLayout<T>.size)
        defer { rest = UnsafeRawBufferPointer(rebasing: rest[MemoryLayout<T>.size...]) }
        return T(bigEndian: rest.loadUnaligned(as: T.self))
    }

    /// The elements of a one-dimensional array without nulls, of two, four or eight bytes each.
    mutating func integers() -> [Int64] {
        let dimensions = integer(Int32.self)
        precondition(dimensions <= 1)
        precondition(integer(Int32.self) == 0, "the array holds nulls")
        _ = integer(UInt32.self)
        guard dimensions == 1 else { return [] }
        let count = integer(Int32.self)
        _ = integer(Int32.self)
        var values: [Int64] = []
        values.reserveCapacity(Int(count))
        for _ in 0..<count {
            switch integer(Int32.self) {
            case 1: values.append(Int64(integer(Int8.self)))
            case 2: values.append(Int64(integer(Int16.self)))
            case 4: values.append(Int64(integer(Int32.self)))
            case 8: values.append(integer(Int64.self))
            case let width: preconditionFailure("an array element of \(width) bytes")
            }
        }
        return values
    }
}
