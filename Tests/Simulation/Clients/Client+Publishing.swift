import MQTT

extension Client {
    /// Sends its next message, or one that has to be sent once more.
    func publishNext() {
        if let message = unsent.first {
            guard world.now >= retryAt else { return }
            unsent.removeFirst()
            ledger.sendAnew(message)
            begin(message, ledger.messages[message].qos)
        } else if messagesLeft > 0 {
            messagesLeft -= 1
            let target = world.random.pick(targets)
            let isExactlyOnce = isPersistent && target.qos == .exactlyOnce
            let message = ledger.add(
                client: index, isVersion5: version == .v5, topic: target.topic, isStored: target.isStored,
                qos: target.qos, isExactlyOnce: isExactlyOnce)
            begin(message, target.qos)
        }
    }

    private func begin(_ message: Int, _ qos: QoS) {
        let item = Outgoing(packetID: takePacketID(), message: message, qos: qos)
        outgoing.append(item)
        send(item, isRepeated: false)
    }

    func send(_ item: Outgoing, isRepeated: Bool) {
        let topic = ledger.messages[item.message].topic
        world.note(
            "publishes", index, item.message,
            "\(name): m\(item.message) to \(topic), packet \(item.packetID)\(isRepeated ? " again" : "")")
        var bytes: [UInt8] = []
        _ = ServerPacket.encodePublish(
            into: &bytes, version: version, topic: Array(topic.utf8), payload: ledger.payload(item.message),
            qos: item.qos, retain: false, dup: isRepeated, packetID: item.packetID)
        send(bytes)
    }

    // MARK: Answers of the hub

    func received(_ puback: Acknowledgement) {
        guard let place = outgoing.firstIndex(where: { $0.packetID == puback.packetID && $0.qos == .atLeastOnce })
        else { return world.fail("\(name) got a PUBACK for nothing: \(puback.packetID)") }
        let item = outgoing.remove(at: place)
        if puback.reason.isError { refused(item, puback.reason) } else { acknowledged(item) }
    }

    func received(pubrec: Acknowledgement) {
        guard let place = outgoing.firstIndex(where: { $0.packetID == pubrec.packetID && $0.qos == .exactlyOnce })
        else { return world.fail("\(name) got a PUBREC for nothing: \(pubrec.packetID)") }
        guard !pubrec.reason.isError else {
            refused(outgoing.remove(at: place), pubrec.reason)
            return
        }
        if !outgoing[place].isReleased { acknowledged(outgoing[place]) }
        outgoing[place].isReleased = true
        answers.append((.pubrel, pubrec.packetID))
    }

    func received(pubcomp: Acknowledgement) {
        guard let place = outgoing.firstIndex(where: { $0.packetID == pubcomp.packetID && $0.isReleased }) else {
            return world.fail("\(name) got a PUBCOMP for nothing: \(pubcomp.packetID)")
        }
        outgoing.remove(at: place)
    }

    private func acknowledged(_ item: Outgoing) {
        world.note("acknowledged", index, item.message, "\(name): m\(item.message)")
        ledger.acknowledge(item.message)
        // 3.1.1 has no other word for it.
        if version != .v5, isVolatile(item.message) { ledger.refuse(item.message) }
    }

    private func refused(_ item: Outgoing, _ reason: ReasonCode) {
        world.note("refused", index, item.message, "\(name): m\(item.message): \(reason)")
        if reason == .quotaExceeded {
            unsent.append(item.message)
            retryAt = world.now + 500
        } else {
            ledger.refuse(item.message)
            world.expect(isVolatile(item.message), "\(name) may not publish m\(item.message): \(reason)")
        }
    }

    private func isVolatile(_ message: Int) -> Bool {
        targets.contains { $0.topic == ledger.messages[message].topic && $0.isVolatile }
    }
}
