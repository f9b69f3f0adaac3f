"""PostgreSQL behind TLS (`--database …?sslmode=require`)."""
from support import rest
from support.pooler import Pooler


def test_large_records(make_hub, cluster):
    """Poolers send TLS records of 16 KiB, of which libpq takes a part at a time: no answer waits for what comes after it."""
    pooler = Pooler(cluster.home.parent, cluster.home / ".s.PGSQL.5432")
    hub = make_hub(database=f"postgresql://tester@127.0.0.1:{pooler.port}/postgres?sslmode=require").start()
    first, second = rest.friends(hub)
    for number in range(60):
        first.send(second, text=f"{number}".ljust(3_000 + 30 * number, "."))
    for limit in range(1, 61):
        texts = [item["body"]["text"] for item in second.items(first, f"?after=0&limit={limit}")]
        assert [text.rstrip(".") for text in texts] == [f"{number}" for number in range(limit)]
    hub.stop()
    pooler.close()
