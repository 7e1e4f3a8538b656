"""The simulator's HTTP: the body camera as JSON, and as a page.

=====================  ====================================================================
GET  /                 the page (left out with --no-page)
GET  /api/state        {"stage", "ready", "lights": {"red", "green", "amber"}, "display", "sound",
                       "vibration", "conditions", "muted", "microphone": what it says it does |
                       null, "recording": {"id", "seconds": from its first picture, as far as
                       they are safe, "pre_event_seconds": of these, "since_us": media time of the
                       press | null, "trigger": what began it; "continued" if it goes on with one
                       that was cut off, "marks": how many were set} | null, "cut_off": whether one
                       was cut off that a hold goes on with, "awaits_answer": the button on which a
                       press now ends the recording | null, "pre_event_seconds", "shift":
                       {"wearer", ...} | null, "looking_for_badge", "handover": how handing over
                       goes, {"state", "done", "total", "trouble"} | null outside the dock,
                       "hands": {button: how many are on it}, "office": "starting" | "open" |
                       "ended" | null without one, "empty"}; the stage is "off" once the daemon
                       has ended and nobody is about to start it again ("empty": its battery is,
                       and the charger, the fault "docked", starts it), and "unknown" while it runs
                       and does not answer
GET  /api/recordings   [{"id", "path", "started", "seconds", "pre_event_seconds", "frames",
                       "gaps", "sound", "sound_gaps", "marks", "continues": the id of the one that
                       was cut off before it | null, "state", "reason"}]; 503 if the daemon does
                       not answer
GET  /api/display.jpg  what the front display shows now
GET  /api/events       the state at every change, as server-sent events
GET  /api/live         all that a page shows, as it happens: a WebSocket; see `hw_mocks.sim.live`
GET  /api/webcam       a visitor's own camera in place of the film: a WebSocket; see
                       `hw_mocks.sim.upload`
GET  /api/board        what this camera is: buttons and their gestures, faults, policy, daemon
GET  /api/edges        every change of a pin, timed where it happened; ?after=US: later ones
GET  /api/reports      what sensor and card reported of the faults; ?after=US likewise
POST /api/press        {"button": "main", "seconds": 0.1} answers when it is released, with 409 if
                       no daemon watched by then; or {"button": "main", "down": true}, later false
POST /api/fault        {"name": "camera_stall", "seconds": 3}; see `Board.fault` for more, and
                       {"name": "clock_step", "seconds": -600}: by how much the clock jumps
POST /api/verify       {"id": ...}: the evidence desk checks a recording; see `hw_mocks.sim.desk`
POST /api/open         {"id": ...}: it checks and opens one
POST /api/change       {"id": ...}: it changes one byte in a copy of one, and checks the copy
GET  /api/films/NAME   what it opened: ID.mp4, whole or in ranges
POST /api/erase        {"what": "everything"}: deletes all recordings of the camera, what was
                       opened, and what its office has, and starts a new camera; 409 in a state
                       directory that no simulator made. GET: {"erased": how often}
GET  /office/PERSON     the way to the office's page, as somebody who works there; /api/board has
                       who ("office")
GET  /api/spoken/NAME  what the camera said aloud: NUMBER.wav, the newest only
=====================  ====================================================================

A request that cannot be carried out is answered with {"error": one sentence}: 400 if it is wrong,
404 if there is no such thing, 409 if it is not possible just now.
A web page of another origin is answered with 403, whatever it asks (`hw_mocks.sim.origin`), and
beyond loopback everybody without the token with 401 (`hw_mocks.sim.listening`).
"""

from __future__ import annotations

import logging
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, Protocol

from aiohttp import web
from camerad.evidence.player_modules import media_type, module_files, translations

from hw_mocks.panel import Panel
from hw_mocks.sim.board import LIGHTS, Board, NotNow
from hw_mocks.sim.bodies import body_of
from hw_mocks.sim.control import ControlClient
from hw_mocks.sim.desk import Desk
from hw_mocks.sim.desk_routes import DeskRoutes
from hw_mocks.sim.dock import PEOPLE, Dock
from hw_mocks.sim.faults import DOCK, FAULTS
from hw_mocks.sim.feed import Feed, shortened
from hw_mocks.sim.listening import Guests
from hw_mocks.sim.live import Live
from hw_mocks.sim.loudspeaker import Loudspeaker
from hw_mocks.sim.office_routes import OfficeRoutes
from hw_mocks.sim.origin import HTTP_PORT, HTTPS_PORT, Handler, names_of, only_from_here
from hw_mocks.sim.timepiece import STEP
from hw_mocks.sim.upload import Upload

PAGE: Final = Path(__file__).parent / "page"
PAGE_FILES: Final = (".html", ".css", ".js", ".svg")
_SHARED: Final = {"gettext.js": module_files()["gettext.js"], **translations(PAGE)}
"""What the page has in common with the pages of camerad."""
MAX_BODY: Final = 4096
EVERYTHING: Final = "everything"
MAX_SECONDS: Final = 3600.0
MAX_STEP: Final = 10 * 366 * 86400.0
"""Seconds that a clock may jump: ten years."""
MAX_COUNT: Final = 2**53
"""More bytes than any card has, and still exact wherever JSON is read."""
# Nothing on the page comes from elsewhere, and nothing elsewhere may frame it.
_HEADERS: Final = {
    "Content-Security-Policy": "default-src 'self'; img-src 'self' blob:; frame-ancestors 'none'; "
    "base-uri 'none'; form-action 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}

RUNNING: Final = ("id", "seconds", "pre_event_seconds", "since_us", "trigger", "marks")
"""What is passed on of the recording that runs."""
_NOTHING: Final[dict[str, Any]] = {
    "conditions": [],
    "muted": False,
    "microphone": None,
    "shift": None,
    "looking_for_badge": False,
    "handover": None,
    "cut_off": False,
    "awaits_answer": None,
    "pre_event_seconds": 0.0,
}
"""What is passed on of the rest, as it is known of a camera whose daemon says nothing."""

log = logging.getLogger("hw_mocks.sim")


class Daemon(Protocol):
    """What the server asks of the daemon's process."""

    @property
    def pid(self) -> int | None:
        """The process id, while it runs."""

    @property
    def comes_back(self) -> bool:
        """Whether it has ended, but is about to be started again."""

    @property
    def exit_code(self) -> int | None:
        """The exit code once it has ended."""


@web.middleware
async def _json_errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    try:
        response = await handler(request)
    except web.HTTPException as error:
        if error.status < 400:
            raise
        response = web.json_response({"error": error.text or error.reason}, status=error.status)
    except ConnectionError:
        return web.Response()  # whoever asked is gone, and nobody hears this
    except Exception:
        # A mistake of ours must not look like one of the daemon's, nor end what is being watched.
        log.exception("%s %s failed", request.method, request.path)
        sentence = "internal error; bodycam-sim has said more in the terminal"
        response = web.json_response({"error": sentence}, status=500)
    if not response.prepared:
        response.headers.update(_HEADERS)
    return response


class Server:
    """HTTP on a socket that is bound already, so that a port in use is known before all else.

    `about` is what /api/board says beside display, faults, outputs and daemon. `erase` deletes all
    recordings, soon after it was called, or raises NotNow; None if there is no camera. `erased`:
    how often it has.
    `guests`: who may ask from beyond this machine; None: nobody. `dock`: with the office behind it.
    """

    def __init__(
        self,
        *,
        listener: socket.socket,
        board: Board,
        control: ControlClient,
        panel: Panel,
        daemon: Daemon,
        desk: Desk,
        loudspeaker: Loudspeaker,
        upload: Upload,
        erase: Callable[[], None] | None,
        erased: int,
        guests: Guests | None = None,
        dock: Dock | None = None,
        about: dict[str, Any],
        page: bool,
    ) -> None:
        self._listener = listener
        self._board = board
        self._control = control
        self._panel = panel
        self._daemon = daemon
        self._desk = desk
        self._desk_routes = DeskRoutes(desk, control)
        # Its page is for this computer alone.
        self._office = dock if guests is None else None
        self._upload = upload
        self._erase = erase
        self._erased = erased
        self._guests = guests
        self._loudspeaker = loudspeaker
        self._about = about
        self._page = page
        self._feed = Feed(board, control, panel, self.state, desk.told, loudspeaker=loudspeaker)
        self._live = Live(self._feed, board, _HEADERS)
        self._runner: web.AppRunner | None = None

    async def start(self) -> None:
        """Begin to answer."""
        address, port = self._listener.getsockname()[:2]
        own_port = HTTP_PORT if self._guests is None else HTTPS_PORT
        names = names_of(address, port, own_port)
        if self._guests is not None:
            names |= names_of(self._guests.host, port, own_port)
        checks = [_json_errors, only_from_here(names)]
        if self._guests is not None:
            checks.append(self._guests.check())
        app = web.Application(middlewares=checks, client_max_size=MAX_BODY)
        get, post = app.router.add_get, app.router.add_post
        get("/api/state", self._get_state)
        get("/api/recordings", self._get_recordings)
        get("/api/display.jpg", self._get_display)
        self._live.add_to(app.router)
        self._upload.add_to(app.router)
        get("/api/board", self._get_board)
        get("/api/edges", self._get_edges)
        get("/api/reports", self._get_reports)
        post("/api/press", self._post_press)
        post("/api/fault", self._post_fault)
        post("/api/erase", self._post_erase)
        get("/api/erase", self._get_erase)
        self._desk_routes.add_to(app.router)
        OfficeRoutes(self._office).add_to(app.router)
        get(r"/api/spoken/{number:[0-9]{1,9}}.wav", self._get_spoken)
        if self._page:
            get("/", self._get_page)
            get("/page/{name}", self._get_page)
        self._runner = web.AppRunner(
            app, access_log=None, handle_signals=False, shutdown_timeout=1.0
        )
        await self._runner.setup()
        context = None if self._guests is None else self._guests.context
        await web.SockSite(self._runner, self._listener, ssl_context=context).start()
        self._feed.start()

    async def stop(self) -> None:
        """Answer nobody any more."""
        await self._live.close()
        await self._upload.close()
        await self._feed.stop()
        if self._runner is not None:
            await self._runner.cleanup()

    def changed(self) -> None:
        """Called whenever something of the state may have changed."""
        self._feed.changed()

    def desk_changed(self) -> None:
        """Called whenever the evidence desk has something else to tell."""
        self._feed.tell("desk", self._desk.told())

    def state(self, status: dict[str, Any] | None) -> dict[str, Any]:
        """/api/state, with what the daemon says of itself and what the hardware shows."""
        # One that was killed is not ready, though it has not been seen to end.
        if status is None or self._daemon.comes_back:
            gone = self._daemon.pid is None and not self._daemon.comes_back
            stage = "off" if gone else "starting"
            status = {"stage": stage, "ready": False, **_NOTHING}
        elif self._control.silent:
            status = {"stage": "unknown", "ready": False, **_NOTHING}
        recording = status.get("recording")
        if recording is not None:
            recording = {key: recording[key] for key in RUNNING}
        return {
            "stage": status["stage"],
            "ready": status["ready"],
            "empty": self._board.off,
            **self._board.outputs(),
            "display": self._panel.lit(),
            **{key: status[key] for key in _NOTHING},
            "recording": recording,
            "hands": self._board.hands(),
            "office": None if self._office is None else self._office.state,
        }

    async def _get_page(self, request: web.Request) -> web.StreamResponse:
        name = request.match_info.get("name", "index.html")
        # Compared, not looked up: no name that somebody makes up reaches the file system.
        for path in PAGE.iterdir():
            if path.name == name and path.suffix in PAGE_FILES:
                return web.FileResponse(path)
        if name in _SHARED:
            return web.Response(body=_SHARED[name], headers={"Content-Type": media_type(name)})
        raise web.HTTPNotFound(text=f"{name}: no such file")

    async def _get_state(self, _request: web.Request) -> web.Response:
        status = await self._control.fresh() if self._daemon.pid is not None else None
        return web.json_response(self.state(status))

    async def _get_recordings(self, _request: web.Request) -> web.Response:
        recordings = await self._control.recordings()
        if recordings is None:
            raise web.HTTPServiceUnavailable(text="the daemon does not answer")
        return web.json_response(shortened(recordings))

    async def _get_display(self, _request: web.Request) -> web.Response:
        return web.Response(body=self._panel.jpeg(), content_type="image/jpeg")

    async def _get_board(self, _request: web.Request) -> web.Response:
        daemon = {"pid": self._daemon.pid, "exit_code": self._daemon.exit_code}
        wiring = self._board.wiring
        return web.json_response(
            {
                **self._about,
                "outputs": {name: wire.gpio for name, wire in wiring.outputs.items()},
                "display": {"width": self._panel.width, "height": self._panel.height},
                "daemon": daemon,
                "office": [] if self._office is None else list(PEOPLE),
            }
        )

    async def _get_edges(self, request: web.Request) -> web.Response:
        after = _after(request)
        return web.json_response([edge for edge in self._board.edges if edge["at_us"] > after])

    async def _get_reports(self, request: web.Request) -> web.Response:
        after = _after(request)
        return web.json_response(
            [
                {"from": role, **message}
                for role, message in self._board.reports
                if message.get("at_us", after + 1) > after
            ]
        )

    async def _post_press(self, request: web.Request) -> web.Response:
        body = await body_of(request, "button", "seconds", "down")
        button, down = self._check_button(body.get("button")), body.get("down")
        if ("down" in body) == ("seconds" in body):
            raise web.HTTPBadRequest(text='either "seconds" or "down" is needed')
        try:
            if "seconds" in body:
                answer = await self._board.press(button, _seconds(body["seconds"], "seconds"))
            elif isinstance(down, bool):
                answer = await self._board.hold(button, down)
            else:
                raise web.HTTPBadRequest(text=f"down: {down!r} is neither true nor false")
        except NotNow as error:
            raise web.HTTPConflict(text=str(error)) from None
        return web.json_response(answer)

    def _check_button(self, button: Any) -> str:
        known = self._board.wiring.buttons
        if not isinstance(button, str) or button not in known:
            raise web.HTTPBadRequest(text=f"button: {button!r} is none of {', '.join(known)}")
        return button

    async def _post_fault(self, request: web.Request) -> web.Response:
        keys = ("name", "seconds", "button", "light", "count", "delay", "bytes_left", "lasts")
        body = await body_of(request, *keys, "ask")
        name = body.pop("name", None)
        if not isinstance(name, str) or name not in FAULTS:
            raise web.HTTPBadRequest(text=f"name: {name!r} is none of {', '.join(FAULTS)}")
        if all(fault["name"] != name for fault in self._about["faults"]):
            why = "has no office" if FAULTS[name].role == DOCK else "uses no hardware encoder"
            raise web.HTTPConflict(text=f"{name}: the camera {why}")
        low, high = (-MAX_STEP, MAX_STEP) if name == STEP else (0, MAX_SECONDS)
        seconds = None
        if "seconds" in body:
            seconds = _seconds(body.pop("seconds"), "seconds", low, high)
        for key in ("delay", "lasts"):
            if key in body:
                body[key] = _seconds(body[key], key, low=0)
        for key in ("count", "bytes_left"):
            if key in body and (type(body[key]) is not int or not 0 <= body[key] <= MAX_COUNT):
                raise web.HTTPBadRequest(
                    text=f"{key}: {body[key]!r} is no whole number from 0 to {MAX_COUNT}"
                )
        if "button" in body:
            self._check_button(body["button"])
        if "light" in body and body["light"] not in LIGHTS:
            raise web.HTTPBadRequest(text=f"light: it is none of {', '.join(LIGHTS)}")
        try:
            done = self._board.fault(name, seconds, body)
        except NotNow as error:
            raise web.HTTPConflict(text=str(error)) from None
        self._feed.tell("faults", self._board.lasting())
        return web.json_response(done)

    async def _post_erase(self, request: web.Request) -> web.Response:
        what = (await body_of(request, "what")).get("what")
        if what != EVERYTHING:
            raise web.HTTPBadRequest(text=f"what: {what!r} is not {EVERYTHING!r}")
        if self._erase is None:
            raise web.HTTPNotFound(text="there is no camera here whose recordings could be deleted")
        try:
            self._erase()
        except NotNow as error:
            raise web.HTTPConflict(text=str(error)) from None
        return await self._get_erase(request)

    async def _get_erase(self, _request: web.Request) -> web.Response:
        return web.json_response({"erased": self._erased})

    async def _get_spoken(self, request: web.Request) -> web.Response:
        sound = self._loudspeaker.sound(int(request.match_info["number"]))
        if sound is None:
            raise web.HTTPNotFound(text="something else was said since")
        return web.Response(body=sound, content_type="audio/wav")


def _after(request: web.Request) -> int:
    text = request.query.get("after", "-1")
    try:
        return int(text)
    except ValueError:
        raise web.HTTPBadRequest(text=f"after: {text!r} is no number of microseconds") from None


def _seconds(value: Any, key: str, low: float = 0.001, high: float = MAX_SECONDS) -> float:
    # Compared as it is: an integer may be too long for a float, and NaN lies between nothing.
    good = isinstance(value, int | float) and not isinstance(value, bool)
    if not good or not low <= value <= high:
        raise web.HTTPBadRequest(
            text=f"{key}: {value!r} is no number from {low:.12g} to {high:.12g}"
        )
    return float(value)
