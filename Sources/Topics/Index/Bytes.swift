extension Array where Element == UInt8 {
    /// A copy of `bytes`.
    init(_ bytes: Span<UInt8>) {
        self.init(capacity: bytes.count) { output in
            for index in bytes.indices { output.append(bytes[index]) }
        }
    }
}
