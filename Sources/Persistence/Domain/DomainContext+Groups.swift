import Topics

/// The entries that announce changes of groups (protocol.md §2).
extension DomainContext {
    /// First entry of every group's log; it lets the owner in.
    func groupCreated(_ group: Group) -> Append {
        let change = RightsChange.memberAdded(user: group.ownerID, role: .owner, announcement: group.announcement)
        return entry(in: .group(group.id), by: group.ownerID, .group, change: change) { body in
            body.name("op")
            body.string("created")
            body.name("name")
            body.string(group.name)
            body.name("announcement")
            body.bool(group.announcement)
            if let picture = group.picture {
                body.name("picture")
                body.id(picture)
            }
        }
    }

    /// One entry for each member of the group that changed.
    func groupChanged(from old: Group, to new: Group, by actor: Int64) -> [Append] {
        var entries: [Append] = []
        if old.name != new.name {
            entries.append(
                entry(in: .group(new.id), by: actor, .group) { body in
                    body.name("op")
                    body.string("renamed")
                    body.name("name")
                    body.string(new.name)
                })
        }
        if old.announcement != new.announcement {
            let change = RightsChange.announcementChanged(new.announcement)
            entries.append(
                entry(in: .group(new.id), by: actor, .group, change: change) { body in
                    body.name("op")
                    body.string("announcement")
                    body.name("announcement")
                    body.bool(new.announcement)
                })
        }
        if old.picture != new.picture {
            entries.append(
                entry(in: .group(new.id), by: actor, .group) { body in
                    body.name("op")
                    body.string("picture")
                    if let picture = new.picture {
                        body.name("picture")
                        body.id(picture)
                    }
                })
        }
        return entries
    }

    /// Announced to whoever is connected, then erased with the log.
    func groupEnded(_ group: Group, by actor: Int64) -> Append {
        entry(in: .group(group.id), by: actor, .group, change: .groupEnded) { body in
            body.name("op")
            body.string("ended")
        }
    }

    /// To the group, and to the new member's inbox.
    /// - Parameter op: `added`, or `joined` by itself.
    func memberAdded(
        _ user: Int64, to group: Group, firstSeq: Int64, by actor: Int64, op: String = "added"
    ) -> [Append] {
        var seen = group
        seen.myRole = .member
        let change = RightsChange.memberAdded(
            user: user, role: .member, announcement: group.announcement, firstSeq: firstSeq)
        return [
            member(user, of: group.id, op: op, role: .member, by: actor, change),
            entry(in: .inbox(of: user), by: actor, .groupAdded) { body in
                body.name("group")
                seen.write(to: &body)
                body.name("role")
                body.string(GroupRole.member.name)
            },
        ]
    }

    func member(
        _ user: Int64, of group: Int64, op: String, role: GroupRole? = nil, by actor: Int64, _ change: RightsChange
    ) -> Append {
        entry(in: .group(group), by: actor, .member, change: change) { body in
            body.name("op")
            body.string(op)
            body.name("user_id")
            body.id(user)
            if let role {
                body.name("role")
                body.string(role.name)
            }
        }
    }

    func groupRemoved(_ group: Int64, to user: Int64, reason: String, by actor: Int64) -> Append {
        entry(in: .inbox(of: user), by: actor, .groupRemoved) { body in
            body.name("group_id")
            body.id(group)
            body.name("reason")
            body.string(reason)
        }
    }
}
