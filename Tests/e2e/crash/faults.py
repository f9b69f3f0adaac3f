"""What goes wrong on the hub's side. Each fault ends with the hub and PostgreSQL running again, or on their way there."""
import asyncio
import os
import pathlib
import signal


def children(pid):
    """The processes that this one has started."""
    found = []
    for path in pathlib.Path("/proc").glob("[0-9]*/stat"):
        try:
            # The name stands in parentheses and may have spaces.
            if int(path.read_text().rpartition(")")[2].split()[1]) == pid:
                found.append(int(path.parent.name))
        except OSError:
            continue
    return found


def command_line(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/cmdline").read_text()
    except OSError:
        return ""


def postgres_processes(hub):
    """The postmaster first."""
    postmaster = hub.postgres_pid()
    return [postmaster, *children(postmaster)] if postmaster else []


def backends(hub):
    """PostgreSQL's processes that serve connections."""
    return [pid for pid in postgres_processes(hub)[1:] if "[local]" in command_line(pid)]


def send(pids, what):
    for pid in pids:
        try:
            os.kill(pid, what)
        except ProcessLookupError:
            continue


async def start(site):
    await asyncio.to_thread(site.start_hub)


async def kill_hub(site, rng):
    site.leave_hub()
    await asyncio.to_thread(site.hub.kill)
    await asyncio.sleep(rng.choice((0, rng.uniform(0, 0.8))))
    await start(site)


async def kill_postmaster(site, rng):
    """Its children end as they notice; the hub starts it again."""
    send(postgres_processes(site.hub)[:1], signal.SIGKILL)


async def kill_backend(site, rng):
    """PostgreSQL then ends all sessions and recovers."""
    if found := backends(site.hub):
        send([rng.choice(found)], signal.SIGKILL)


async def kill_postgres(site, rng):
    send(postgres_processes(site.hub), signal.SIGKILL)


async def kill_both(site, rng):
    """As in a loss of power, in either order."""
    site.leave_hub()
    found = postgres_processes(site.hub)
    if rng.random() < 0.5:
        send(found, signal.SIGKILL)
        await asyncio.to_thread(site.hub.kill)
    else:
        await asyncio.to_thread(site.hub.kill)
        send(found, signal.SIGKILL)
    await asyncio.sleep(rng.choice((0, rng.uniform(0, 0.8))))
    await start(site)


async def hang_postgres(site, rng, seconds=None):
    found = postgres_processes(site.hub)
    send(found, signal.SIGSTOP)
    try:
        await asyncio.sleep(seconds or rng.uniform(0.3, 4))
    finally:
        send(found, signal.SIGCONT)


async def hang_postgres_long(site, rng):
    """Longer than a statement may take, or than publishers are made to wait."""
    await hang_postgres(site, rng, rng.choice((18, 36)))


async def hang_backends(site, rng, seconds=None):
    """PostgreSQL answers new connections, some old ones hang."""
    found = backends(site.hub)
    chosen = rng.sample(found, rng.randint(min(1, len(found)), len(found)))
    send(chosen, signal.SIGSTOP)
    try:
        await asyncio.sleep(seconds or rng.uniform(0.3, 4))
    finally:
        send(chosen, signal.SIGCONT)


async def hang_backends_long(site, rng):
    """Until the hub gives their connections up; then they go on."""
    await hang_backends(site, rng, rng.choice((18, 36)))


async def hang_hub(site, rng):
    send([site.hub.process.pid], signal.SIGSTOP)
    await asyncio.sleep(rng.uniform(0.3, 2))
    send([site.hub.process.pid], signal.SIGCONT)


async def kill_hub_while_hung(site, rng, hung):
    """What the hub had sent is done after its end, unless the next hub sees to it."""
    send(hung, signal.SIGSTOP)
    try:
        await asyncio.sleep(rng.uniform(0.05, 0.5))
        site.leave_hub()
        await asyncio.to_thread(site.hub.kill)
        # The kernel lets a stopped process go on when its parent's end orphans its group.
        send(hung, signal.SIGSTOP)
        starting = asyncio.create_task(start(site))
        await asyncio.sleep(rng.uniform(0, 2))
    finally:
        send(hung, signal.SIGCONT)
    await starting


async def kill_hub_while_postgres_hangs(site, rng):
    await kill_hub_while_hung(site, rng, postgres_processes(site.hub))


async def kill_hub_while_backends_hang(site, rng):
    """PostgreSQL answers the next hub, and the first one's statements lie unread."""
    await kill_hub_while_hung(site, rng, backends(site.hub))


async def kill_starting_hub(site, rng):
    """A second crash before the first is recovered from."""
    site.leave_hub()
    if rng.random() < 0.5:
        send(postgres_processes(site.hub), signal.SIGKILL)
    await asyncio.to_thread(site.hub.kill)
    starting = asyncio.create_task(asyncio.to_thread(site.hub.start))
    await asyncio.sleep(rng.uniform(0.02, 1.2))
    if site.hub.process:
        send([site.hub.process.pid], signal.SIGKILL)
    # It may have been ready already, or be about to show its certificate.
    await asyncio.gather(starting, return_exceptions=True)
    await asyncio.to_thread(site.hub.kill)
    await start(site)


async def stop_hub(site, rng):
    """SIGTERM under load: exit code 0, and PostgreSQL ends with it."""
    site.leave_hub()
    await asyncio.to_thread(site.hub.stop)
    await start(site)


# How often each is chosen; the last ones take longer than a short run has.
WEIGHTS = {kill_hub: 5, kill_both: 4, kill_postmaster: 3, kill_backend: 3, kill_postgres: 2, hang_postgres: 4,
           hang_backends: 2, hang_hub: 1, kill_hub_while_postgres_hangs: 2, kill_hub_while_backends_hang: 2,
           kill_starting_hub: 2, stop_hub: 2}
LONG_WEIGHTS = {hang_postgres_long: 0.25, hang_backends_long: 0.25}
