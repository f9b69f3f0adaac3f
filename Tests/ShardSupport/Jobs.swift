import Glibc

/// What `Task` wants to have run: kept here, so that one thread does everything and a test says when. Otherwise the same test would not
/// do the same twice.
package enum Jobs {
    nonisolated(unsafe) private static var waiting: [UnownedJob] = []

    private typealias Hook = @convention(c) (OpaquePointer, OpaquePointer?) -> Void

    /// The runtime asks this function of ours before it gives a job to its own threads.
    package static func install() {
        guard let symbol = dlsym(nil, "swift_task_enqueueGlobal_hook") else { fatalError("the runtime has no hook") }
        symbol.assumingMemoryBound(to: Hook.self).pointee = { job, _ in
            Jobs.waiting.append(unsafeBitCast(job, to: UnownedJob.self))
        }
    }

    package static var count: Int { waiting.count }

    /// Runs one of the waiting jobs up to its end or to where it waits again.
    package static func run(_ index: Int) {
        let job = waiting.remove(at: index)
        // No executor: what a job of a nonisolated function belongs to.
        job.runSynchronously(on: unsafeBitCast((UInt(0), UInt(0)), to: UnownedSerialExecutor.self))
    }
}
