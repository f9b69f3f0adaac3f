import Testing

@testable import Persistence

/// The table of the state machine: every state with every event.
struct RelationshipTests {
    struct Case: Sendable {
        var state: Relationship.State
        var event: Relationship.Event
        var action: Relationship.Action
        var verdict: Relationship.Verdict
        var blocksOther = false
        var isBlocked = false
        var acceptsAtOnce = false
    }

    static let asked = Relationship.State.asked(since: 7)
    static let wasAsked = Relationship.State.wasAsked(since: 7)
    static let friends = Relationship.State.friends(since: 7)

    static let cases: [Case] = [
        Case(state: .strangers, event: .add, action: .ask(hidden: false), verdict: .pending(isNew: true)),
        Case(state: .strangers, event: .accept, action: .nothing, verdict: .noSuchRequest),
        Case(state: .strangers, event: .decline, action: .nothing, verdict: .noSuchRequest),
        Case(state: .strangers, event: .cancel, action: .nothing, verdict: .noSuchRequest),
        Case(state: .strangers, event: .remove, action: .nothing, verdict: .done),
        Case(state: .strangers, event: .block, action: .block(parting: false), verdict: .done),
        Case(state: .strangers, event: .unblock, action: .nothing, verdict: .done),

        Case(state: asked, event: .add, action: .nothing, verdict: .pending(isNew: false)),
        Case(state: asked, event: .accept, action: .nothing, verdict: .noSuchRequest),
        Case(state: asked, event: .decline, action: .nothing, verdict: .noSuchRequest),
        Case(state: asked, event: .cancel, action: .dropRequests, verdict: .done),
        Case(state: asked, event: .remove, action: .nothing, verdict: .done),
        Case(state: asked, event: .block, action: .block(parting: false), verdict: .done),
        Case(state: asked, event: .unblock, action: .nothing, verdict: .done),

        Case(state: wasAsked, event: .add, action: .befriend, verdict: .friends),
        Case(state: wasAsked, event: .accept, action: .befriend, verdict: .friends),
        Case(state: wasAsked, event: .decline, action: .dropRequests, verdict: .done),
        Case(state: wasAsked, event: .cancel, action: .nothing, verdict: .noSuchRequest),
        Case(state: wasAsked, event: .remove, action: .nothing, verdict: .done),
        Case(state: wasAsked, event: .block, action: .block(parting: false), verdict: .done),
        Case(state: wasAsked, event: .unblock, action: .nothing, verdict: .done),

        Case(state: friends, event: .add, action: .nothing, verdict: .alreadyFriends),
        Case(state: friends, event: .accept, action: .nothing, verdict: .friends),
        Case(state: friends, event: .decline, action: .nothing, verdict: .noSuchRequest),
        Case(state: friends, event: .cancel, action: .nothing, verdict: .noSuchRequest),
        Case(state: friends, event: .remove, action: .part, verdict: .done),
        Case(state: friends, event: .block, action: .block(parting: true), verdict: .done),
        Case(state: friends, event: .unblock, action: .nothing, verdict: .done),

        Case(state: .strangers, event: .add, action: .nothing, verdict: .blocking, blocksOther: true),
        Case(state: .strangers, event: .block, action: .nothing, verdict: .done, blocksOther: true),
        Case(state: .strangers, event: .unblock, action: .unblock, verdict: .done, blocksOther: true),
        Case(
            state: .strangers, event: .add, action: .ask(hidden: true), verdict: .pending(isNew: true),
            isBlocked: true),
        Case(state: asked, event: .add, action: .nothing, verdict: .pending(isNew: false), isBlocked: true),
        Case(state: asked, event: .cancel, action: .dropRequests, verdict: .done, isBlocked: true),
        Case(
            state: asked, event: .block, action: .block(parting: false), verdict: .done, isBlocked: true),

        Case(state: .strangers, event: .add, action: .befriend, verdict: .friends, acceptsAtOnce: true),
        Case(state: .strangers, event: .accept, action: .nothing, verdict: .noSuchRequest, acceptsAtOnce: true),
        Case(state: wasAsked, event: .add, action: .befriend, verdict: .friends, acceptsAtOnce: true),
        Case(state: friends, event: .add, action: .nothing, verdict: .alreadyFriends, acceptsAtOnce: true),
        Case(
            state: .strangers, event: .add, action: .nothing, verdict: .blocking, blocksOther: true,
            acceptsAtOnce: true),
        Case(
            state: .strangers, event: .add, action: .ask(hidden: true), verdict: .pending(isNew: true),
            isBlocked: true, acceptsAtOnce: true),
    ]

    @Test(arguments: cases) func decides(sample: Case) {
        let relationship = Relationship(
            state: sample.state, blocksOther: sample.blocksOther, isBlocked: sample.isBlocked,
            acceptsAtOnce: sample.acceptsAtOnce)
        let (action, verdict) = relationship.decide(sample.event)
        #expect(action == sample.action)
        #expect(verdict == sample.verdict)
    }

    @Test func tableIsWhole() {
        let plain = Self.cases.filter { !$0.blocksOther && !$0.isBlocked && !$0.acceptsAtOnce }
        #expect(plain.count == 4 * Relationship.Event.allCases.count)
    }
}
