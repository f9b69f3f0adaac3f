/// How two users stand to each other, seen from one of them ("I"). Blocks stand beside the state, because blocking ends what was there.
package struct Relationship: Sendable, Equatable {
    /// - `strangers`: leaves to `asked` and `wasAsked` by add, to `friends` by adding a bot.
    /// - `asked`: I asked. Leaves to `friends` when the other adds or accepts, to `strangers` by cancel, decline and block.
    /// - `wasAsked`: the mirror image.
    /// - `friends`: leaves to `strangers` by remove and block.
    package enum State: Sendable, Equatable {
        case strangers
        case asked(since: Int64)
        case wasAsked(since: Int64)
        case friends(since: Int64)
    }

    package enum Event: Sendable, CaseIterable {
        case add, accept, decline, cancel, remove, block, unblock
    }

    /// What is to be done in the same transaction.
    package enum Action: Sendable, Equatable {
        case nothing
        /// A hidden request goes nowhere: the other blocks me.
        case ask(hidden: Bool)
        case befriend
        case dropRequests
        case part
        /// Requests go; `parting` if a friendship goes too.
        case block(parting: Bool)
        /// Requests that went nowhere because of it go too.
        case unblock
    }

    /// What the caller is told.
    package enum Verdict: Sendable, Equatable {
        case done
        case pending(isNew: Bool)
        case friends
        case alreadyFriends
        case blocking
        case noSuchRequest
    }

    package var state: State
    package var blocksOther: Bool
    package var isBlocked: Bool
    /// The other is a bot, which says yes to everybody whom it does not block.
    package var acceptsAtOnce: Bool

    package init(
        state: State, blocksOther: Bool = false, isBlocked: Bool = false, acceptsAtOnce: Bool = false
    ) {
        self.state = state
        self.blocksOther = blocksOther
        self.isBlocked = isBlocked
        self.acceptsAtOnce = acceptsAtOnce
    }

    package func decide(_ event: Event) -> (action: Action, verdict: Verdict) {
        switch event {
        case .add: return decideAdd()
        case .accept:
            switch state {
            case .wasAsked: return (.befriend, .friends)
            case .friends: return (.nothing, .friends)
            case .strangers, .asked: return (.nothing, .noSuchRequest)
            }
        case .decline:
            switch state {
            case .wasAsked: return (.dropRequests, .done)
            case .strangers, .asked, .friends: return (.nothing, .noSuchRequest)
            }
        case .cancel:
            switch state {
            case .asked: return (.dropRequests, .done)
            case .strangers, .wasAsked, .friends: return (.nothing, .noSuchRequest)
            }
        case .remove:
            switch state {
            case .friends: return (.part, .done)
            case .strangers, .asked, .wasAsked: return (.nothing, .done)
            }
        case .block:
            if blocksOther { return (.nothing, .done) }
            switch state {
            case .friends: return (.block(parting: true), .done)
            case .strangers, .asked, .wasAsked: return (.block(parting: false), .done)
            }
        case .unblock:
            return (blocksOther ? .unblock : .nothing, .done)
        }
    }

    private func decideAdd() -> (action: Action, verdict: Verdict) {
        if blocksOther { return (.nothing, .blocking) }
        switch state {
        case .strangers where acceptsAtOnce && !isBlocked: return (.befriend, .friends)
        case .strangers: return (.ask(hidden: isBlocked), .pending(isNew: true))
        case .asked: return (.nothing, .pending(isNew: false))
        case .wasAsked: return (.befriend, .friends)
        case .friends: return (.nothing, .alreadyFriends)
        }
    }
}
