"""Every transcript in this directory, played against a real gateway."""

from __future__ import annotations

import re
from dataclasses import replace
from ipaddress import ip_network
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from orion_gateway.http1.fields import ForwardedRules
from orion_gateway.http1.head import HeadLimits
from orion_gateway.proxy.plane import PlaneSettings
from orion_gateway.values import Redirect, Respond, Rewrite, Websocket
from tests.harness.gateway import make_route, make_service
from tests.harness.wire import settle, until
from tests.transcripts.transcript import Step, Transcript, read_transcripts

if TYPE_CHECKING:
    from tests.harness.fixtures import StartGateway
    from tests.harness.gateway import Gateway
    from tests.harness.wire import Endpoint, Wire

HERE = Path(__file__).parent

QUIET = ForwardedRules(via=False, x_forwarded=False, request_id=False, traceparent=False)
"""The usual gateway of a transcript adds no fields of its own, so that every byte can be told."""

SETTINGS = {
    "forwarded": {"forwarded": ForwardedRules(forwarded=True)},
    "trusted": {"forwarded": ForwardedRules(trusted=(ip_network("127.0.0.0/8"),), traceparent=False)},
    "answer": {"client_eof": "answer"},
    "development": {"is_development": True},
    "short": {"head_limits": HeadLimits(request_line=64, section=128, fields=4)},
    "reject_underscores": {"head_limits": HeadLimits(underscores="reject")},
    "allow_underscores": {"head_limits": HeadLimits(underscores="allow")},
}

ROUTES = [
    make_route("/**"),
    make_route("/small/**", name="small", body_limit=10),
    make_route("/ws/**", name="ws", websocket=Websocket()),
    make_route("/ws-here/**", name="ws-here", websocket=Websocket(origins=("https://here.example",))),
    make_route("/hello", Respond(200, (("Content-Type", "text/plain"),), b"hello ${request.path}"), name="hello"),
    make_route("/nothing", Respond(204), name="nothing"),
    make_route("/old/**", Redirect("https://new.example${request.target}"), name="old"),
    make_route("/read-only", name="read-only", methods=("GET",)),
    make_route("/cut/**", name="cut", rewrite=Rewrite(strip_prefix="/cut", host_upstream=True)),
]

TRANSCRIPTS = {
    f"{path.stem}: {transcript.title}": transcript
    for path in sorted(HERE.glob("*.txt"))
    for transcript in read_transcripts(path)
}


def depends_on_packets(transcript: Transcript) -> bool:
    """Say whether what is received depends on how what is sent was cut: chunks are cut anew as they come."""
    return any(b"chunked" in step.text for step in transcript.steps)


class Player:
    """Plays one transcript: both sides of the gateway, connections opened when the first line speaks of them."""

    def __init__(self, gateway: Gateway, endpoint: Endpoint, portion: int) -> None:
        self.gateway = gateway
        self.portion = portion
        self.endpoint = endpoint
        self.clients: list[Wire] = []
        self.records = 0

    async def play(self, step: Step) -> None:
        """Do or expect one thing."""
        match step.act:
            case "→":
                await self.send(await self.wire(step), step.text)
                await settle()
            case "←":
                await self.expect(await self.wire(step), step)
            case "!":
                await self.act(await self.wire(step), step)
            case "time":
                await settle()
                self.gateway.pass_time(float(step.text))
            case "log":
                await until(lambda: len(self.gateway.records) > self.records)
                record = self.gateway.records[self.records]
                self.records += 1
                reason = record.reason.value if record.reason else "-"
                assert f"{record.status} {reason}" == step.text.decode()

    async def send(self, wire: Wire, data: bytes) -> None:
        """Send in portions. The gateway may close before it has read all of something that it refuses."""
        portion = self.portion or len(data) or 1
        for start in range(0, len(data), portion):
            try:
                await wire.send(data[start : start + portion])
            except OSError:
                return
            await settle(2)

    async def wire(self, step: Step) -> Wire:
        """Return the connection a step speaks of."""
        if step.side == "client":
            while len(self.clients) < step.number:
                self.clients.append(await self.gateway.connect())
            return self.clients[step.number - 1]
        while len(self.endpoint.wires) < step.number:
            await self.endpoint.accept()
        return self.endpoint.wires[step.number - 1]

    async def expect(self, wire: Wire, step: Step) -> None:
        """Read until what came is what was expected."""
        received = b""
        while not re.fullmatch(step.pattern, received):
            try:
                more = await wire.read_some()
            except (TimeoutError, ConnectionResetError) as error:
                raise AssertionError(f"{error!r} after {received!r}, expected {step.text!r}") from error
            assert more, f"ended after {received!r}, expected {step.text!r}"
            received += more

    async def act(self, wire: Wire, step: Step) -> None:
        """Close a connection, or see it closed."""
        match step.text:
            case b"ends":
                wire.end()
            case b"closes":
                wire.close()
            case b"resets":
                wire.reset()
            case b"closed" | b"reset":
                assert await wire.ends() == step.text.decode()
            case other:
                raise AssertionError(f"nobody knows what {other!r} means")
        await settle()

    async def finish(self) -> None:
        """Make sure that nothing happened of which the transcript does not tell."""
        await settle()
        assert not self.endpoint.has_visitor(), "the endpoint got a connection nobody tells of"
        for name, wires in (("client", self.clients), ("endpoint", self.endpoint.wires)):
            for number, wire in enumerate(wires, 1):
                assert wire.peek() == b"", f"{name} {number} received more"
        if self.records:
            assert len(self.gateway.records) == self.records, "there are records nobody tells of"


@pytest.mark.parametrize("title", TRANSCRIPTS)
async def test_transcript(title: str, start_gateway: StartGateway, endpoint: Endpoint) -> None:
    """On the wire, byte for byte: what the title says."""
    await play(TRANSCRIPTS[title], start_gateway, endpoint)


@pytest.mark.parametrize("title", [title for title in TRANSCRIPTS if not depends_on_packets(TRANSCRIPTS[title])])
async def test_transcript_in_crumbs(title: str, start_gateway: StartGateway, endpoint: Endpoint) -> None:
    """The same, every byte in a packet of its own: the network may cut wherever it likes."""
    await play(TRANSCRIPTS[title], start_gateway, endpoint, portion=1)


async def play(transcript: Transcript, start_gateway: StartGateway, endpoint: Endpoint, portion: int = 0) -> None:
    """Play a transcript; what is sent goes out in portions of so many bytes, or as it is written."""
    routes = ROUTES[1:] if "strict" in transcript.settings else ROUTES
    gateway = await start_gateway(make_service(endpoint.port), routes=routes, settings=settings_of(transcript))
    gateway.is_draining = "draining" in transcript.settings
    player = Player(gateway, endpoint, portion)
    for step in transcript.steps:
        try:
            await player.play(step)
        except (AssertionError, EOFError, OSError, TimeoutError) as error:
            raise AssertionError(f"line {step.line}: {error}") from error
    await player.finish()


def settings_of(transcript: Transcript) -> PlaneSettings:
    """Return what a transcript asks of its gateway."""
    settings = PlaneSettings(forwarded=QUIET)
    for word in transcript.settings:
        if word not in ("draining", "strict"):
            settings = replace(settings, **SETTINGS[word])  # type: ignore[arg-type]  # the table pairs names and types
    return settings


def test_there_are_enough() -> None:
    """A glob that finds nothing would pass for ever."""
    assert len(TRANSCRIPTS) >= 60
    assert all(transcript.steps for transcript in TRANSCRIPTS.values())
