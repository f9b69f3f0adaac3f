import CLinux
import Glibc

/// Runs `body` on a thread of its own.
/// - Parameter name: what debuggers show, at most 15 bytes; a longer one is not shown.
package func startThread(_ name: String, _ body: @escaping @Sendable () -> Void) {
    final class Box: Sendable {
        let name: String
        let body: @Sendable () -> Void

        init(_ name: String, _ body: @escaping @Sendable () -> Void) {
            self.name = name
            self.body = body
        }
    }
    var thread = pthread_t()
    let result = pthread_create(
        &thread, nil,
        { context in
            let box = Unmanaged<Box>.fromOpaque(context!).takeRetainedValue()
            confab_name_thread(box.name)
            box.body()
            return nil
        }, Unmanaged.passRetained(Box(name, body)).toOpaque())
    precondition(result == 0, "no thread for \(name): \(String(cString: strerror(result)))")
    pthread_detach(thread)
}
