"""Enhanced authentication. The hub offers the method JWT, whose data is the access token; it takes one step."""
import pytest

from conformance.protocol import AUTH, PINGRESP, V5, auth
from support import rest
from support.rest import unique_name


@pytest.fixture(scope="module")
def token(hub):
    return rest.sign_up(hub, "auth").token


@pytest.fixture
def peer(hub, dial, token):
    """Connected by the method JWT."""
    made = dial(V5, hub=hub)
    made.connect(authentication_method="JWT", authentication_data=token.encode())
    return made


@pytest.mark.mqtt("MQTT-4.12.0-1", "MQTT-4.12.0-4")
@pytest.mark.parametrize("method", ["SCRAM-SHA-1", "jwt", "", "JWT "])
def test_a_method_that_is_not_offered(dial, method):
    """0x8C, and the close."""
    dial(V5).connect(authentication_method=method, authentication_data=b"x", expect=0x8C)


@pytest.mark.mqtt("MQTT-4.12.0-4", "MQTT-3.2.2-7")
@pytest.mark.parametrize("data", [b"nonsense", b"", b"a.b.c", b"\xff\0"])
def test_data_that_is_refused(hub, dial, data):
    dial(V5, hub=hub).connect(authentication_method="JWT", authentication_data=data, expect=0x86)


@pytest.mark.mqtt("MQTT-4.12.0-6")
def test_no_method_no_auth(join):
    """Neither in CONNACK nor as a packet."""
    peer = join(V5)
    assert not {"authentication_method", "authentication_data"} & peer.connack.properties.keys()
    peer.quiet()


@pytest.mark.mqtt("MQTT-4.12.0-5", "MQTT-3.15.2-1", "MQTT-4.12.1-1")
def test_reauthentication(peer, token):
    """CONNACK and AUTH name the method of CONNECT; the connection goes on meanwhile."""
    assert peer.connack.properties["authentication_method"] == "JWT"
    for _ in range(3):
        done = peer.authenticate(0x19, authentication_method="JWT", authentication_data=token.encode())
        assert done.code == 0 and done.properties["authentication_method"] == "JWT"
    peer.quiet()
    peer.send(auth(0x19, authentication_method="JWT", authentication_data=token.encode()) + b"\xc0\0")
    assert sorted(peer.next().kind for _ in range(2)) == [PINGRESP, AUTH]


@pytest.mark.mqtt("MQTT-4.12.1-1", "MQTT-4.12.1-2", "MQTT-4.13.2-1")
@pytest.mark.parametrize("properties, codes", [
    ({"authentication_method": "JWT", "authentication_data": b"nonsense"}, (0x86, 0x87)),
    ({"authentication_method": "JWT"}, (0x86, 0x87, 0x82)),
    ({"authentication_method": "SCRAM-SHA-1", "authentication_data": b"x"}, (0x82, 0x8C)),
    ({"authentication_data": b"x"}, (0x82, 0x8C)), ({}, (0x82, 0x8C))],
    ids=["bad-token", "no-token", "another-method", "no-method", "nothing"])
def test_reauthentication_that_fails(peer, properties, codes):
    """DISCONNECT with a code that fits, and the close."""
    peer.send(auth(0x19, **properties))
    peer.ends(*codes)


@pytest.mark.mqtt("MQTT-4.12.1-2", "MQTT-3.15.1-1")
@pytest.mark.parametrize("data", [auth(0x18, authentication_method="JWT"), auth(0x00, authentication_method="JWT"),
                                  auth(0x77, authentication_method="JWT"), b"\xf0\0", b"\xf1\0", b"\xf0\x01\x19",
                                  auth(0x19, authentication_method=["JWT", "JWT"])])
def test_auth_packets_that_are_out_of_place(peer, data):
    """Another step of an exchange that is over, no reason to authenticate, malformed ones."""
    peer.send(data)
    peer.ends(0x81, 0x82, 0x86, 0x87, 0x8C)


@pytest.mark.mqtt("MQTT-3.15.2-2", "MQTT-3.15.2-3")
@pytest.mark.parametrize("maximum", [48, 64])
def test_auth_stays_below_the_maximum_packet_size(hub, dial, token, maximum):
    peer = dial(V5, hub=hub)
    peer.connect(client_id=unique_name("a"), authentication_method="JWT", authentication_data=token.encode(),
                 maximum_packet_size=maximum)
    peer.authenticate(0x19, authentication_method="JWT", authentication_data=token.encode())
    peer.send(auth(0x19, authentication_method="JWT", authentication_data=b"nonsense"))
    peer.ends(0x86, 0x87)
