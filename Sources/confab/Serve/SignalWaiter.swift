import CLinux
import Glibc

/// Takes the signals that tell the hub something: blocked in every thread, and fetched by one that does nothing else.
struct SignalWaiter: @unchecked Sendable {
    private let set: sigset_t

    /// To be made before any thread is.
    init() {
        var set = sigset_t()
        sigemptyset(&set)
        for number in [SIGTERM, SIGINT, SIGHUP] { sigaddset(&set, number) }
        pthread_sigmask(SIG_BLOCK, &set, nil)
        self.set = set
    }

    /// Calls `reload` for each SIGHUP; returns after SIGTERM or SIGINT.
    func wait(reload: @escaping @Sendable () -> Void) async {
        await withCheckedContinuation { continuation in
            let set = set
            startThread("signals") {
                var set = set
                while true {
                    var number: Int32 = 0
                    guard sigwait(&set, &number) == 0 else { continue }
                    if number == SIGHUP {
                        reload()
                    } else {
                        continuation.resume()
                        return
                    }
                }
            }
        }
    }
}

/// Runs `body` on a thread of its own.
func startThread(_ name: String, _ body: @escaping @Sendable () -> Void) {
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
