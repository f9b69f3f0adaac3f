"""The fixtures: hubs, users and clients that are gone when their test is over."""
import pytest

from support import rest
from support.hub import Hub, temporary_folder
from support.mqtt import VERSIONS, Client, MosquittoSub
from support.postgres import Cluster


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport():
    """A failure shows what the hubs had to say."""
    report = yield
    if report.failed:
        report.sections += [(f"log of the hub in {hub.folder}", hub.log_tail()) for hub in Hub.known]
    return report


def serving(*flags, **options):
    """A started hub for a fixture; stopped properly, and that is checked."""
    hub = Hub(*flags, **options)
    try:
        yield hub.start()
        if hub.process:
            hub.stop()
    finally:
        hub.discard()


@pytest.fixture(scope="session")
def hub():
    """The hub that most tests share: two reactors, so that every test crosses threads. Nobody kills it."""
    yield from serving("--reactors", "2")


@pytest.fixture(scope="session")
def anonymous_hub():
    """A hub for plain topics without log-in (protocol.md §4)."""
    yield from serving("--anonymous", "--reactors", "2")


@pytest.fixture(scope="module")
def mortal_hub():
    """A hub for plain topics without log-in that the tests of one file kill and start again."""
    yield from serving("--anonymous", "--reactors", "2")


@pytest.fixture
def make_hub():
    """Hubs of the test's own, which it may kill: `make_hub("--reactors", "1")` is not started yet."""
    made = []

    def make(*flags, **options):
        made.append(Hub(*flags, **options))
        return made[-1]

    yield make
    for hub in made:
        hub.discard()


@pytest.fixture
def cluster():
    """A PostgreSQL of the user's own, running."""
    folder = temporary_folder()
    cluster = Cluster(folder)
    yield cluster.start()
    cluster.discard()


@pytest.fixture(scope="module")
def pair(hub):
    """Two friends, for tests that leave their friendship as it is."""
    return rest.friends(hub, "pair")


@pytest.fixture(scope="module")
def stranger(hub):
    """Somebody whom nobody knows."""
    return rest.sign_up(hub, "stranger")


@pytest.fixture
def client():
    """Connected clients: `client(hub, user, version=V311)`; with connect=False still to be connected."""
    made = []

    def make(hub, user=None, connect=True, **options):
        made.append(Client(hub, user, **options))
        if connect:
            made[-1].connect()
        return made[-1]

    yield make
    for one in made:
        one.close()


@pytest.fixture
def mosquitto_sub():
    """Running mosquitto_sub processes."""
    made = []

    def make(*arguments, **options):
        made.append(MosquittoSub(*arguments, **options))
        return made[-1]

    yield make
    for one in made:
        one.close()


@pytest.fixture(params=["3.1.1", "5.0"])
def version(request):
    """Both protocol versions, as paho calls them."""
    return VERSIONS[request.param]
