"""Users and groups of the measurements, made by SQL: pairs in groups of two, and two large groups."""
from logbench import seed

PAIRS = seed.PAIR_COUNT
# By how many members: the group. Who publishes in it is the first member.
LARGE = {1_000: seed.GROUPS + 800_000, 10_000: seed.BIG_GROUP}


def database():
    numbers = f"generate_series(0, {PAIRS - 1}) n"
    return (seed.make_users(seed.publisher(0), PAIRS) + seed.make_users(seed.subscriber(0), PAIRS)
            + seed.make_users(seed.member(0), seed.MEMBER_COUNT)
            + seed.make_groups(seed.group(0), PAIRS, f"{seed.publisher(0)} + id - {seed.group(0)}", 2)
            + seed.add_members(f"{seed.group(0)} + n", f"{seed.publisher(0)} + n", 3, numbers)
            + seed.add_members(f"{seed.group(0)} + n", f"{seed.subscriber(0)} + n", 1, numbers)
            + "".join(seed.make_groups(group, 1, str(seed.member(0)), count)
                      + seed.add_members(str(group), f"{seed.member(0)} + n", "CASE n WHEN 0 THEN 3 ELSE 1 END",
                                         f"generate_series(0, {count - 1}) n") for count, group in LARGE.items()))


def stored_pairs(tokens, first=0):
    """Lines for `probe`: a publisher and a subscriber in each group of two, from the `first` on."""
    return ([("pub", f"stored-p{number}", seed.publisher(number), tokens.token(seed.publisher(number)), f"group/{seed.group(number)}")
             for number in range(first, PAIRS)]
            + [("sub", f"stored-s{number}", seed.subscriber(number), tokens.token(seed.subscriber(number)), f"group/{seed.group(number)}")
               for number in range(first, PAIRS)])


def speaker(tokens, count):
    """Lines for `probe`: who publishes in the group of so many members."""
    return [("pub", "speaker", seed.member(0), tokens.token(seed.member(0)), f"group/{LARGE[count]}")]


def write_members(path, tokens, count):
    """The credentials of a large group's members, but the one who publishes, for `crowd`."""
    write_credentials(path, tokens, range(1, count))


def write_visitors(path, tokens, count):
    """The credentials of so many clients. A user may have a hundred sessions at most, and here has few."""
    write_credentials(path, tokens, (number % seed.MEMBER_COUNT for number in range(count)))


def write_credentials(path, tokens, numbers):
    path.write_text("".join(f"{seed.member(number)} {tokens.token(seed.member(number))}\n" for number in numbers))
