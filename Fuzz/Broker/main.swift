import FuzzSupport
import ShardSupport

// The broker of one reactor with up to four clients, a log and a clock, all on one thread. An input is a list of operations; its first byte
// says whether what other threads do is done at once or when the input says so.

Jobs.install()
fuzz(seeds: Seeds.all, words: ["MQTT", "\u{10}\u{0C}\u{0}\u{4}MQTT"]) { bytes in
    var input = FuzzInput(bytes)
    let isEager = input.byte() & 1 == 0
    var machine = Machine(World())
    for _ in 0..<200 where !input.isAtEnd {
        machine.step(&input)
        if isEager { machine.settle() }
    }
    machine.finish()
}
