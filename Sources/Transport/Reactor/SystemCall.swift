import CLinux
import Glibc

/// A system call that failed: its name and errno.
package struct SystemCallError: Error, Sendable, CustomStringConvertible {
    package var call: StaticString
    package var code: Int32

    package var description: String { "\(call): \(String(cString: strerror(code)))" }
}

/// Makes a system call, again after EINTR; nil when it would block.
@discardableResult
func systemCall<Result: FixedWidthInteger>(
    _ name: StaticString, _ body: () -> Result
) throws(SystemCallError) -> Result? {
    while true {
        let result = body()
        if result >= 0 { return result }
        switch errno {
        case EINTR: continue
        case EAGAIN: return nil
        case let code: throw SystemCallError(call: name, code: code)
        }
    }
}
