"""Compressed responses: which, with which head, and that every byte comes back."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import zlib
from random import Random
from typing import Any

import brotli
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orion_gateway.filters.compress import AT_ONCE, PORTION, Compress, CompressedStream, CompressRules
from orion_gateway.filters.encoders import ENCODERS
from orion_gateway.filters.filter import BodyStream
from orion_gateway.filters.media_type import MediaTypes
from tests.filters.messages import Talk, ThreadedWorker, settled

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

LEVELS = (("zstd", 3), ("br", 4), ("gzip", 5))
RULES = CompressRules(LEVELS, 1024, ("text/*", "+json", "application/json"))
ALL = "Accept-Encoding: gzip, br, zstd"
HTML = "Content-Type: text/html\nContent-Length: 5000"


def pass_through(talk: Talk, rules: CompressRules = RULES) -> BodyStream | None:
    """Show an exchange to the filter; return what the content passes through."""
    made = Compress(rules, ThreadedWorker())
    made.on_request(talk)
    made.on_response(talk)
    return made.open_response(talk)


class Decoder:
    """A client that reads what has come so far."""

    def __init__(self, encoding: str) -> None:
        gunzip, unbrotli, unzstd = zlib.decompressobj(31), brotli.Decompressor(), zstd.ZstdDecompressor()
        self._decode = {"gzip": gunzip.decompress, "br": unbrotli.process, "zstd": unzstd.decompress}[encoding]
        self._is_over = {
            "gzip": lambda: gunzip.eof,
            "br": unbrotli.is_finished,
            "zstd": lambda: unzstd.eof,
        }[encoding]
        self.text = b""

    def take(self, pieces: Any) -> None:
        for piece in pieces:
            self.text += self._decode(bytes(piece))
            # brotli's decoder hands out what it has read in portions.
            while more := b"" if self.is_over else self._decode(b""):
                self.text += more

    @property
    def is_over(self) -> bool:
        return bool(self._is_over())


# -- which responses -----------------------------------------------------------------------------------------------


def test_a_page_is_compressed_and_its_head_says_so() -> None:
    """Pages would cost three times the bytes, or could not be read."""
    fields = 'ETag: "v1"\nAccept-Ranges: bytes\nContent-MD5: x\nDigest: x\nContent-Digest: x\nRepr-Digest: x'
    talk = Talk(ALL, f"{HTML}\n{fields}")
    assert pass_through(talk) is not None
    assert talk.fields("content-encoding") == ["zstd"]
    assert talk.fields("vary") == ["Accept-Encoding"]
    assert talk.fields("etag") == ['W/"v1"']
    for name in ("accept-ranges", "content-md5", "digest", "content-digest", "repr-digest"):
        assert talk.fields(name) == []


@pytest.mark.parametrize(
    ("answer", "status"),
    [
        ("Content-Type: image/png\nContent-Length: 5000", 200),
        ("Content-Length: 5000", 200),
        ("Content-Type: text/html\nContent-Length: 1023", 200),
        ("Content-Type: text/html\nContent-Length: 0", 200),
        (f"{HTML}\nContent-Encoding: gzip", 200),
        (f"{HTML}\nContent-Encoding: br", 404),
        (f"{HTML}\nCache-Control: public, No-Transform", 200),
        (f"{HTML}\nCache-Control: public\nCache-Control: max-age=1 ,no-transform", 200),
        ("Content-Type: text/event-stream", 200),
        ("Content-Type: Text/Event-Stream; charset=utf-8", 200),
        (HTML, 206),
        (f"{HTML}\nContent-Range: bytes 0-4999/9999", 200),
        ("Content-Type: text/html", 204),
        ("Content-Type: text/html", 205),
    ],
)
def test_these_are_left_as_they_are(answer: str, status: int) -> None:
    """They would arrive twice coded, late, cut wrongly, or against the word of the origin."""
    talk = Talk(ALL, f'{answer}\nETag: "v1"', status=status)
    before = talk.answer.cuts[:], talk.answer.added
    assert pass_through(talk) is None
    assert (talk.answer.cuts, talk.answer.added) == before


def test_an_event_stream_is_never_compressed_whatever_the_types_say() -> None:
    """Events would wait in somebody's buffer."""
    rules = CompressRules(LEVELS, 0, ("text/*", "text/event-stream"))
    assert pass_through(Talk(ALL, "Content-Type: text/event-stream"), rules) is None


@pytest.mark.parametrize(
    ("ask", "vary"),
    [
        ("", "Vary: Origin"),
        ("Accept-Encoding: identity", "Vary: Origin"),
        (f"{ALL}\nCache-Control: no-transform", "Vary: Origin"),
    ],
)
def test_who_gets_it_as_it_is_is_told_that_others_do_not(ask: str, vary: str) -> None:
    """A cache would hand the plain page to everybody, or a compressed one to who cannot read it."""
    talk = Talk(ask, f'{HTML}\n{vary}\nETag: "v1"')
    assert pass_through(talk) is None
    assert talk.fields("vary") == ["Origin", "Accept-Encoding"]
    assert talk.fields("content-encoding") == []
    assert talk.fields("etag") == ['"v1"']


@pytest.mark.parametrize("vary", ["Accept-Encoding", "origin, ACCEPT-ENCODING", "*"])
def test_vary_says_it_once(vary: str) -> None:
    """Caches that count by the whole field would keep more than there is."""
    talk = Talk(ALL, f"{HTML}\nVary: {vary}")
    assert pass_through(talk) is not None
    assert talk.fields("vary") == [vary]


def test_a_weak_etag_stays_and_one_that_is_none_too() -> None:
    """A validator would be broken."""
    for etag in ('W/"v1"', "unquoted"):
        talk = Talk(ALL, f"{HTML}\nETag: {etag}")
        assert pass_through(talk) is not None
        assert talk.fields("etag") == [etag]


def test_a_304_says_what_answers_depend_on_whatever_its_etag() -> None:
    """A cache takes the Vary of a 304 for the 200's: without Accept-Encoding it gives gzip to who cannot read it."""
    talk = Talk(f'{ALL}\nIf-None-Match: W/"v1"', 'ETag: W/"v1"\nVary: Origin', status=304)
    assert pass_through(talk) is None
    assert talk.fields("vary") == ["Origin", "Accept-Encoding"]


@pytest.mark.parametrize(
    ("ask", "etag"),
    [
        ('If-None-Match: W/"v1"', 'W/"v1"'),
        ('If-None-Match: "v0", W/"v1"', 'W/"v1"'),
        ('If-None-Match: "v1"', '"v1"'),
        ('If-None-Match: "v1", W/"v1"', '"v1"'),
        ("If-None-Match: *", '"v1"'),
        ("", '"v1"'),
    ],
)
def test_a_304_names_the_etag_that_the_client_holds(ask: str, etag: str) -> None:
    """A cache would find nothing to refresh, and ask for everything again."""
    talk = Talk(f"{ALL}\n{ask}", 'ETag: "v1"\nContent-Length: 5000', status=304)
    before = len(talk.request.cuts)
    assert pass_through(talk) is None
    assert talk.fields("etag") == [etag]
    is_weak = etag.startswith("W/")
    assert talk.fields("vary") == ["Accept-Encoding"]
    assert talk.answer.content_length == (-1 if is_weak else 5000)
    # The endpoint is asked with what the client sent.
    assert (len(talk.request.cuts), talk.request.added) == (before, ())


def test_head_gets_the_head_of_get_without_the_length_of_the_plain_content() -> None:
    """A client that looks before it loads would be told the wrong length and the wrong coding."""
    talk = Talk(ALL, f'{HTML}\nETag: "v1"', method="HEAD")
    pass_through(talk)
    assert talk.fields("content-encoding") == ["zstd"]
    assert talk.fields("etag") == ['W/"v1"']
    assert talk.answer.content_length == -1
    small = Talk(ALL, "Content-Type: text/html\nContent-Length: 10", method="HEAD")
    pass_through(small)
    assert (small.fields("content-encoding"), small.answer.content_length) == ([], 10)


def test_several_fields_are_one_list() -> None:
    """A proxy before us that writes one field for each coding would get nothing compressed."""
    talk = Talk("Accept-Encoding: gzip;q=0.5\nAccept-Encoding: br", HTML)
    assert pass_through(talk) is not None
    assert talk.fields("content-encoding") == ["br"]


def test_what_a_later_filter_makes_of_the_request_does_not_count() -> None:
    """A `transform` behind it, which lets nobody upstream compress, would keep us from it too."""
    talk = Talk(ALL, HTML)
    made = Compress(RULES, ThreadedWorker())
    made.on_request(talk)
    talk.request.remove(b"accept-encoding")
    made.on_response(talk)
    assert made.open_response(talk) is not None


@pytest.mark.parametrize(
    ("media_type", "is_in"),
    [
        ("text/html", True),
        ("text/anything", True),
        ("image/svg+xml", True),
        ("application/json", True),
        ("application/xml", False),
        ("xml", False),
        ("text", False),
        ("application/x+json", False),
        ("", False),
    ],
)
def test_types_are_named_one_by_one_by_kind_or_by_syntax(media_type: str, is_in: bool) -> None:
    """Pictures would be compressed again, or vector graphics not at all."""
    assert (media_type in MediaTypes(["TEXT/*", "+xml", "application/json"])) is is_in


# -- the content ---------------------------------------------------------------------------------------------------


async def send(stream: CompressedStream, pieces: list[bytes], decoder: Decoder, *, is_flushed: bool) -> None:
    """Send content; a client of an answer of unknown length has every piece at once."""
    sent = b""
    for piece in pieces:
        view = bytearray(piece)
        # What is given is only good until the hook returns, so it is spoilt behind it.
        result = stream.feed([memoryview(view)])
        view[:] = bytes(len(view))
        decoder.take(await settled(result))
        sent += piece
        if is_flushed:
            assert decoder.text == sent
    decoder.take(await settled(stream.end()))
    assert decoder.text == sent
    assert decoder.is_over


def make_piece(seed: int, size: int, kinds: int) -> bytes:
    """Return content that shrinks well (few kinds of bytes) or not at all."""
    return bytes(Random(seed).choices(range(kinds), k=size))


SIZES = st.one_of(st.integers(0, 300), st.integers(AT_ONCE - 2, AT_ONCE + 2), st.integers(PORTION - 2, PORTION + 2))
PIECES = st.lists(st.tuples(st.integers(0, 99), SIZES, st.sampled_from([2, 256])), max_size=6)


@pytest.mark.parametrize("encoding", list(ENCODERS))
@settings(max_examples=40, deadline=None)
@given(pieces=PIECES, is_flushed=st.booleans())
def test_every_byte_comes_back(encoding: str, pieces: list[tuple[int, int, int]], is_flushed: bool) -> None:
    """Somebody's page would be broken, in a way that depends on how the network cut it."""
    stream = CompressedStream(encoding, dict(LEVELS)[encoding], ThreadedWorker(), is_flushed=is_flushed)
    made = [make_piece(*piece) for piece in pieces]
    asyncio.run(send(stream, made, Decoder(encoding), is_flushed=is_flushed))


@pytest.mark.parametrize("encoding", list(ENCODERS))
@pytest.mark.parametrize("level", [1, 8])
async def test_every_level_works(encoding: str, level: int) -> None:
    """A level of the table would make every response fail."""
    stream = CompressedStream(encoding, level, ThreadedWorker(), is_flushed=False)
    await send(stream, [b"text " * 40_000], Decoder(encoding), is_flushed=False)


@pytest.mark.parametrize(
    ("sizes", "is_flushed", "runs"),
    [
        ([AT_ONCE], False, 0),
        ([AT_ONCE + 1], False, 1),
        ([100] * 50, False, 0),
        ([PORTION, 10], False, 2),
        ([PORTION - 1, 1, PORTION], False, 3),
        ([AT_ONCE] * 3, True, 0),
        ([AT_ONCE + 1, 1], True, 1),
    ],
)
async def test_large_content_is_compressed_in_threads(sizes: list[int], is_flushed: bool, runs: int) -> None:
    """Everybody else on this worker would wait while one large page is compressed."""
    worker = ThreadedWorker()
    stream = CompressedStream("gzip", 5, worker, is_flushed=is_flushed)
    await send(stream, [bytes(size) for size in sizes], Decoder("gzip"), is_flushed=is_flushed)
    assert worker.runs == runs


async def test_content_of_known_length_is_not_flushed_piece_by_piece() -> None:
    """Each small piece would cost a few bytes and its share of what there is to find."""
    sizes = {}
    for is_flushed in (False, True):
        stream = CompressedStream("br", 4, ThreadedWorker(), is_flushed=is_flushed)
        parts = [b"line %d of many\n" % number for number in range(500)]
        out = [piece for part in parts for piece in await settled(stream.feed([part]))]
        sizes[is_flushed] = sum(map(len, [*out, *await settled(stream.end())]))
    assert sizes[False] * 3 < sizes[True]


async def test_no_content_at_all_is_a_valid_coding() -> None:
    """A chunked answer that turns out to be empty could not be read."""
    for encoding in ENCODERS:
        stream = CompressedStream(encoding, 3, ThreadedWorker(), is_flushed=True)
        assert list(await settled(stream.feed([b""]))) == []
        decoder = Decoder(encoding)
        decoder.take(await settled(stream.end()))
        assert (decoder.text, decoder.is_over) == (b"", True)


async def test_a_cut_answer_lets_go_of_what_it_held() -> None:
    """A client that leaves would cost its buffers until somebody collects them."""
    stream = CompressedStream("gzip", 5, ThreadedWorker(), is_flushed=False)
    assert list(await settled(stream.feed([bytes(1000)]))) == []
    stream.close()
    assert len(b"".join(map(bytes, await settled(stream.end())))) < 30


def test_the_libraries_are_read_only_where_something_is_compressed() -> None:
    """Every worker and every `orion check` would take longer to start, for routes that compress nothing."""
    program = (
        "import sys, orion_gateway.filters, orion_gateway.filter_assembly as assembly;"
        "print(sorted({'brotli', 'backports.zstd', 'compression.zstd'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_an_encoder_begins_anew_whatever_came_of_those_before() -> None:
    """A client would get the rest of somebody else's response, from one that was cut off or beside its own."""
    contents = [b"one " * 100, b"two " * 200, b"three " * 300]
    make = ENCODERS["zstd"]
    for _ in range(3):
        make(3, None).feed(b"cut off " * 1000)
        encoders = [make(3, None) for _ in contents]
        begun = [encoder.flush(content) for encoder, content in zip(encoders, contents, strict=True)]
        coded = [start + encoder.finish(b"") for start, encoder in zip(begun, encoders, strict=True)]
        assert [zstd.decompress(data) for data in coded] == contents
        whole = make(3, len(contents[0])).finish(contents[0])
        assert zstd.decompress(whole) == contents[0]
