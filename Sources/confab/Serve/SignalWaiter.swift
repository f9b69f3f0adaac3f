import CLinux
import Glibc
import Transport

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
