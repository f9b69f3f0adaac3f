import Persistence
import Transport

/// Lets REST's tasks and the answers they wait for live on a reactor's thread.
struct DatabaseGuest: ReactorGuest {
    let lane: DatabaseLane

    var descriptor: Int32 { lane.descriptor }
    func moveIn() { lane.moveIn() }
    func turn(isReadable: Bool) { lane.turn(isReadable: isReadable) }
    var hasWork: Bool { lane.hasWork }
    func tick() { lane.tick() }
    func moveOut() { lane.moveOut() }
}
