import Broker
import Identity
import Persistence

/// What handlers work with.
struct RestServices: Sendable {
    let users: UserStore
    let sessions: LoginSessionStore
    let friends: FriendStore
    let groups: GroupStore
    let directory: DirectoryStore
    let history: HistoryStore
    let conversations: ConversationStore
    let attachments: AttachmentService
    let publisher: any MessagePublisher
    let authority: TokenAuthority
    let tokens: TokenVerifier
    let outsiders: OutsideUsers
    let hasher: PasswordHasher
    /// Unix milliseconds.
    let now: @Sendable () -> Int64
}
