import random

import pytest

from llmgateway.dataplane.upload import BACKLOG, IN_MEMORY, Spool, Upload
from llmgateway.domain.errors import GatewayError
from llmgateway.limits.bodies import BodyMemory
from llmgateway.wire.multipart import FieldScanner

ROOM = 64 * 1024 * 1024


class Incoming:
    def __init__(self) -> None:
        self.is_paused = False

    def pause(self) -> None:
        self.is_paused = True

    def resume(self) -> None:
        self.is_paused = False


class Backend:
    def __init__(self) -> None:
        self.body = b""
        self.is_over = False

    def piece(self, piece: bytes) -> None:
        assert not self.is_over
        self.body += piece

    def end(self) -> None:
        self.is_over = True


def form(file: bytes, *, first: bool) -> bytes:
    model = b'--b\r\nContent-Disposition: form-data; name="model"\r\n\r\nassistant\r\n'
    part = b'--b\r\nContent-Disposition: form-data; name="file"; filename="f"\r\n\r\n' + file + b"\r\n"
    return (model + part if first else part + model) + b"--b--\r\n"


def upload() -> Upload:
    return Upload(Incoming(), BodyMemory(ROOM), FieldScanner(b"b", b"model"))


def test_what_goes_into_a_spool_comes_out_in_order_whatever_its_size():
    spool, seen = Spool(BodyMemory(ROOM)), b""
    pieces = [random.Random(n).randbytes(100_000) for n in range(30)]
    for index, piece in enumerate(pieces):
        spool.put(piece)
        if index % 3 == 2:
            seen += spool.take()
    while spool.size:
        seen += spool.take()
    assert seen == b"".join(pieces)
    assert (spool.take(), spool._file) == (b"", None)


def test_a_spool_holds_little_in_memory():
    spool = Spool(BodyMemory(ROOM))
    for _ in range(50):
        spool.put(b"x" * 100_000)
    assert len(spool._memory) <= IN_MEMORY
    spool.close()


@pytest.mark.parametrize("first", [True, False])
@pytest.mark.parametrize("size", [1, 7, 1000, 10**9])
def test_the_model_is_replaced_wherever_it_stands_however_the_form_is_cut(first, size):
    body = form(b"x" * 3000, first=first)
    sending, backend = upload(), Backend()
    is_attached = False
    for at in range(0, len(body), size):
        sending.data(body[at : at + size])
        if not is_attached and sending.is_decided:
            is_attached = True
            assert sending.model == "assistant"
            assert sending.length(len(body), b"m") == len(body) - len(b"assistant") + 1
            sending.attach(backend.piece, backend.end, model=b"m")
    sending.end()
    assert backend.is_over
    assert backend.body == body.replace(b"assistant", b"m")


def test_a_slow_backend_slows_the_caller_down():
    sending, backend = upload(), Backend()
    sending.data(form(b"", first=True)[:-7])
    sending.attach(backend.piece, backend.end, model=None)
    sending.writable(False)
    while not sending._incoming.is_paused:
        sending.data(b"x" * 65536)
    assert sending._spool.size <= BACKLOG + 65536
    sending.writable(True)
    assert not sending._incoming.is_paused
    assert sending._spool.size == 0


def test_nothing_is_handed_on_after_a_failure():
    sending, backend = upload(), Backend()
    body = form(b"", first=True)
    sending.data(body[:-7])
    sending.attach(backend.piece, backend.end, model=None)
    sending.data(body[:60])
    sending.data(b"model: twice" + body[:70])
    assert sending.error is not None
    assert sending.error.code == "duplicate_key"
    sending.end()
    assert not backend.is_over


def test_a_form_without_a_model_is_decided_at_its_end():
    sending = upload()
    sending.data(b"--b\r\nContent-Disposition: form-data; name=x\r\n\r\n1\r\n--b--")
    assert (sending.is_decided, sending.model) == (True, None)


def test_a_model_that_is_no_text_is_refused():
    sending = upload()
    sending.data(form(b"", first=True).replace(b"assistant", b"\xff\xfe"))
    with pytest.raises(GatewayError, match="invalid_value"):
        _ = sending.model


def test_what_waits_counts_and_what_has_gone_on_or_was_dropped_does_not():
    room = BodyMemory(ROOM)
    sending, backend = Upload(Incoming(), room, FieldScanner(b"b", b"model")), Backend()
    body = form(b"x" * 3_000_000, first=False)
    sending.data(body[:2_000_000])
    assert room.held == 2_000_000
    sending.data(body[2_000_000:])
    sending.end()
    assert room.held == len(body)
    sending.attach(backend.piece, backend.end, model=None)
    assert (room.held, len(backend.body)) == (0, len(body))
    dropped = Upload(Incoming(), room, None)
    dropped.data(b"x" * 5_000_000)
    dropped.close()
    dropped.close()
    assert room.held == 0


def test_an_upload_for_which_there_is_no_room_left_fails_and_lets_go_of_what_it_had():
    room = BodyMemory(1_000_000)
    sending = Upload(Incoming(), room, None)
    for _ in range(20):
        sending.data(b"x" * 50_000)
    assert sending.error is not None
    assert sending.error.code == "overloaded"
    assert room.held == 0
