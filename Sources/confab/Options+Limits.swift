import Broker
import Glibc
import Identity

extension Options {
    /// More than a file with all limits takes.
    private static let limitsFileBytesMax = 64 * 1024

    /// Takes `off`, or the name of a file.
    /// - Returns: what is wrong with it.
    mutating func setLimits(_ value: String) -> String? {
        guard value != "off" else {
            limits = .off
            return nil
        }
        let bytes: [UInt8]?
        do throws(SmallFile.Failure) {
            bytes = try SmallFile.read(value, bytesMax: Self.limitsFileBytesMax)
        } catch {
            return "\(value): \(String(cString: strerror(error.errno))) (it takes a file of limits, or off)"
        }
        guard let bytes else { return "\(value): has more than \(Self.limitsFileBytesMax) bytes" }
        do throws(RateLimits.Flaw) {
            limits = try RateLimits(file: bytes)
        } catch {
            return "\(value): \(error.problem)"
        }
        return nil
    }
}
