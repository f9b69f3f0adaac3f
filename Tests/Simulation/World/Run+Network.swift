import Glibc
import Identity
import MQTT
import Topics

// Connections: what is under way on them, and how they end.
extension Run {
    /// The client does something, or connects.
    func act(_ index: Int) {
        let client = clients[index]
        if client.link == nil { connect(client) } else { client.act() }
    }

    func connect(_ client: Client) {
        let shard = world.random.below(SimulatedHub.shardsCount)
        let (id, socket) = hub.reactors[shard].machine.open(sendBytes: Int32(profile.socketBytes))
        let link = Link(
            life: hub.life, shard: shard, id: id, socket: socket, openedStep: world.step,
            informedStep: informedStep(of: shard))
        client.connect(over: link, token: client.user > 0 ? token(of: client.user) : nil)
    }

    private func token(of user: Int64) -> [UInt8] {
        let acl = AccessList(publish: [], subscribe: [], all: ["#"], deny: [])
        return Array(
            tokens.mint(
                userID: user, sessionID: nil, scopes: Scopes(names: "user"), acl: acl, now: world.wall / 1000
            ).utf8)
    }

    /// Some of what a client has sent arrives.
    @discardableResult func transmit(_ index: Int) -> Bool {
        guard let link = clients[index].link, link.life == hub.life, !link.toHub.isEmpty,
            hub.reactors[link.shard].machine.isReading(link.id)
        else { return false }
        let count = world.isHealed ? link.toHub.count : world.random.pick([1, 7, 100, .max])
        let bytes = Array(link.toHub.prefix(count))
        clients[index].link!.toHub.removeFirst(bytes.count)
        world.note("arrives", index, bytes.count)
        hub.receive(bytes, on: link.id, shard: link.shard)
        return true
    }

    /// A client takes some of what the hub has sent.
    @discardableResult func read(_ index: Int, _ countMax: Int) -> Bool {
        let client = clients[index]
        guard let link = client.link, link.isReading else { return false }
        guard let bytes = link.read(countMax) else {
            world.note("ended", index, 0, "\(client.name) has lost its connection")
            endInput(of: link)
            close(link.socket)
            client.goOffline()
            return true
        }
        guard !bytes.isEmpty else {
            if link.life == hub.life { client.link!.informedStep = informedStep(of: link.shard) }
            return false
        }
        client.received(bytes)
        if link.life == hub.life {
            hub.reactors[link.shard].machine.write(link.id)
            hub.reactors[link.shard].machine.endTurn()
        }
        return true
    }

    /// Of all that was told up to then a shard knows now.
    private func informedStep(of shard: Int) -> Int {
        hub.reactors[shard].mail.isEmpty ? world.step : hub.reactors[shard].informedStep
    }

    private func endInput(of link: Link) {
        guard link.life == hub.life else { return }
        hub.reactors[link.shard].machine.endInput(link.id)
        hub.reactors[link.shard].machine.endTurn()
    }

    // MARK: Ends

    func disconnect(_ client: Client) {
        guard client.phase == .connected else { return cut(client, isInOrder: false) }
        var bytes: [UInt8] = []
        ClientPacket.encodeDisconnect(into: &bytes, version: client.version)
        client.send(bytes)
        cut(client, isInOrder: true)
    }

    func cut(_ client: Client, isInOrder: Bool) {
        world.note(isInOrder ? "disconnects" : "cut", client.index, 0, client.name)
        abandon(client, isInOrder: isInOrder)
    }

    /// The client forgets its connection; the hub may hear of it much later.
    func abandon(_ client: Client, isInOrder: Bool) {
        guard var link = client.link else { return }
        client.goOffline()
        // The end of what it has sent is lost, at any byte.
        if !isInOrder { link.toHub = Array(link.toHub.prefix(world.random.below(link.toHub.count + 1))) }
        let isOpen = !isInOrder && world.random.happens(500)
        if !isOpen { close(link.socket) }
        remnants.append(Remnant(link: link, isInOrder: isInOrder, isOpen: isOpen))
    }

    /// What is left of a connection arrives, and the hub learns of its end.
    func endRemnant() {
        guard !remnants.isEmpty else { return }
        let index = world.random.below(remnants.count), remnant = remnants[index], link = remnant.link
        if link.life == hub.life {
            // A hub that does not read cannot see the end either.
            if !link.toHub.isEmpty, hub.reactors[link.shard].machine.isReading(link.id) {
                remnants[index].link.toHub = []
                hub.receive(link.toHub, on: link.id, shard: link.shard)
                return
            }
            world.note("end seen", index, remnant.isInOrder ? 1 : 0)
            if remnant.isInOrder || world.random.happens(500) {
                hub.reactors[link.shard].machine.endInput(link.id)
            } else {
                hub.reactors[link.shard].machine.abort(link.id)
            }
            hub.reactors[link.shard].machine.endTurn()
        }
        remnants.remove(at: index)
        if remnant.isOpen { close(link.socket) }
    }
}
