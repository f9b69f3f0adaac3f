import COpenSSL

/// Where OpenSSL takes cipher text from and puts it: one per reactor, shared by its connections one after the other, so that no
/// connection holds buffers of its own. A BIO of our own reads and writes it.
final class CipherPort {
    /// Encrypted bytes are sent when there are this many.
    static let outputTargetBytes = 128 * 1024

    /// The received bytes that OpenSSL has not taken yet.
    fileprivate(set) var input = UnsafeBufferPointer<UInt8>(start: nil, count: 0)
    private var bytes: UnsafeMutableRawPointer
    private var capacity = outputTargetBytes + 64 * 1024
    private(set) var outputCount = 0

    init() {
        bytes = .allocate(byteCount: capacity, alignment: 1)
    }

    deinit { bytes.deallocate() }

    func setInput(_ received: UnsafeBufferPointer<UInt8>) { input = received }

    /// Valid until the next change.
    var output: UnsafeBufferPointer<UInt8> {
        UnsafeBufferPointer(start: bytes.assumingMemoryBound(to: UInt8.self), count: outputCount)
    }

    func clearOutput() { outputCount = 0 }

    private func append(_ source: UnsafeRawPointer, _ count: Int) {
        if outputCount + count > capacity {
            capacity = (outputCount + count) * 2
            let larger = UnsafeMutableRawPointer.allocate(byteCount: capacity, alignment: 1)
            larger.copyMemory(from: bytes, byteCount: outputCount)
            bytes.deallocate()
            bytes = larger
        }
        (bytes + outputCount).copyMemory(from: source, byteCount: count)
        outputCount += count
    }

    /// A BIO on this port; the SSL object that gets it owns it. It does not retain the port, which outlives every connection of its reactor.
    func makeBIO() -> OpaquePointer {
        guard let bio = BIO_new(Self.method) else { fatalOutOfMemory() }
        BIO_set_data(bio, Unmanaged.passUnretained(self).toOpaque())
        BIO_set_init(bio, 1)
        return bio
    }

    nonisolated(unsafe) private static let method: OpaquePointer = {
        guard let method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "cipher port") else {
            fatalOutOfMemory()
        }
        BIO_meth_set_read(method) { bio, target, size in
            confab_bio_clear_retry(bio)
            let port = CipherPort.of(bio)
            guard let target, size > 0, !port.input.isEmpty else {
                confab_bio_set_retry_read(bio)
                return -1
            }
            let count = min(Int(size), port.input.count)
            UnsafeMutableRawPointer(target).copyMemory(from: port.input.baseAddress!, byteCount: count)
            port.input = UnsafeBufferPointer(rebasing: port.input[count...])
            return Int32(count)
        }
        BIO_meth_set_write(method) { bio, source, size in
            confab_bio_clear_retry(bio)
            guard let source, size > 0 else { return 0 }
            CipherPort.of(bio).append(source, Int(size))
            return size
        }
        BIO_meth_set_ctrl(method) { _, command, _, _ in command == BIO_CTRL_FLUSH ? 1 : 0 }
        return method
    }()

    private static func of(_ bio: OpaquePointer?) -> CipherPort {
        Unmanaged<CipherPort>.fromOpaque(BIO_get_data(bio)).takeUnretainedValue()
    }
}

func fatalOutOfMemory() -> Never { preconditionFailure("OpenSSL could not allocate") }
