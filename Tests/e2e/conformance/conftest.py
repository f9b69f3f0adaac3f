"""Fixtures of the conformance tests. Each test bears the ids of the statements that it proves:
`@pytest.mark.mqtt("MQTT-3.1.0-1", "3.1.1:MQTT-3.1.0-1")`; docs/conformance.md has all of them."""
import pytest

from conformance.peer import TRANSPORTS, Peer
from conformance.protocol import V3, V5
from support.rest import unique_name


@pytest.fixture(params=[V3, V5], ids=["3.1.1", "5.0"])
def version(request):
    """Both protocol versions, by their level in CONNECT."""
    return request.param


@pytest.fixture(params=list(TRANSPORTS))
def transport(request):
    return request.param


@pytest.fixture
def dial(anonymous_hub):
    """Connections without CONNECT: `dial(version, transport)`; another hub by `hub=`."""
    made = []

    def make(version=V5, transport="tcp", hub=anonymous_hub):
        made.append(Peer(hub, version, transport))
        return made[-1]

    yield make
    for one in made:
        one.close()


@pytest.fixture
def join(dial):
    """Connected clients: `join(version, client_id=…, will=…, session_expiry=…)`."""

    def make(version=V5, transport="tcp", **options):
        peer = dial(version, transport)
        peer.connect(**options)
        return peer

    return make


@pytest.fixture
def persistent(join):
    """Clients whose session stays: `persistent(version, client_id)`; they resume one that is there."""

    def make(version, client_id, seconds=60, **options):
        if version == V5:
            options["session_expiry"] = seconds
        return join(version, client_id=client_id, clean=False, **options)

    return make


@pytest.fixture
def topic():
    """A topic of the test's own."""
    return unique_name("conformance")
