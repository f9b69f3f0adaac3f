"""What processes have used of the processors, from the scheduler's own account in nanoseconds."""
import os
import pathlib
import time

TICK_NS = 1_000_000_000 // os.sysconf("SC_CLK_TCK")
CPUS = os.cpu_count()


def _read(path):
    try:
        return pathlib.Path(path).read_text()
    except OSError:
        return ""  # The process or thread has ended.


def process_ns(pid):
    """All threads of a process, those that have ended included; 0 if it is gone."""
    try:
        return int(time.clock_gettime(~pid << 3 | 2) * 1e9)  # The clock that clock_getcpuclockid(3) names.
    except OSError:
        return 0


def threads_ns(pid):
    """By thread name; threads of one name together."""
    used = {}
    for task in os.listdir(f"/proc/{pid}/task"):
        name = _read(f"/proc/{pid}/task/{task}/comm").strip()
        spent = _read(f"/proc/{pid}/task/{task}/schedstat").split()
        if name and spent:
            used[name] = used.get(name, 0) + int(spent[0])
    return used


def server_ns(postmaster):
    """A PostgreSQL server: the postmaster, the processes that it has, and those that it had (these in clock ticks)."""
    fields = _read(f"/proc/{postmaster}/stat").rpartition(")")[2].split()
    ended = (int(fields[13]) + int(fields[14])) * TICK_NS
    children = _read(f"/proc/{postmaster}/task/{postmaster}/children").split()
    return ended + process_ns(postmaster) + sum(process_ns(int(child)) for child in children)


def machine_ns():
    """What all processors together have done, and what other machines took away from this one: (busy, stolen)."""
    user, nice, system, _, _, irq, soft, stolen = map(int, _read("/proc/stat").split("\n", 1)[0].split()[1:9])
    return (user + nice + system + irq + soft) * TICK_NS, stolen * TICK_NS


class Sample:
    """One moment of a hub (or none), its PostgreSQL and the machine."""

    def __init__(self, postmaster, hub=None):
        self.time = time.monotonic_ns()
        self.server = server_ns(postmaster)
        self.hub = process_ns(hub) if hub else 0
        self.threads = threads_ns(hub) if hub else {}
        self.machine, self.stolen = machine_ns()

    def until(self, end, generator_ns=0):
        """What was used between here and `end`. `others_percent` of the machine went to none of those that are measured."""
        wall = (end.time - self.time) * CPUS
        server, hub = end.server - self.server, end.hub - self.hub
        others = end.machine - self.machine - server - hub - generator_ns + end.stolen - self.stolen
        return {
            "server_ns": server, "hub_ns": hub,
            "threads_ns": {name: spent - self.threads.get(name, 0) for name, spent in end.threads.items()},
            "busy_percent": round(100 * (end.machine - self.machine) / wall, 1),
            "others_percent": round(100 * max(0, others) / wall, 1),
        }
