import Broker
import Identity
import Persistence

/// What handlers work with.
struct RestServices: Sendable {
    let users: UserStore
    let sessions: LoginSessionStore
    let friends: FriendStore
    let groups: GroupStore
    let invites: InviteStore
    let bots: BotStore
    let botTokens: BotTokenStore
    let devices: DeviceStore
    let liveDevices: any DeviceSource
    let directory: DirectoryStore
    let rights: KnownRights
    let history: HistoryStore
    let conversations: ConversationStore
    let search: SearchStore
    let unread: UnreadStore
    let attachments: AttachmentService
    let publisher: any MessagePublisher
    let authority: TokenAuthority
    let tokens: TokenVerifier
    let outsiders: OutsideUsers
    let hasher: PasswordHasher
    let accounts: AccountStore
    let export: ExportStore
    let mailedCodes: MailedCodeStore
    let passwords: PasswordGate
    let factors: SecondFactors
    let throttle: LoginThrottle
    let limiter: RouteLimiter
    let repeatable: RepeatableRequests
    let documents: DocumentPages
    /// Nil: the hub sends no mail.
    let mailer: Mailer?
    /// How the hub is called where people see it.
    let hubName: String
    /// Where it is.
    let publicURL: String
    /// Unix milliseconds.
    let now: @Sendable () -> Int64
}
