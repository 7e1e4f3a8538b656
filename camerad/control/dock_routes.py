"""Routes of the control socket for the process that uploads recordings to the office's server.

The requests are in `camerad.control.server`; docs/office-api.md is the protocol that they serve. An
attacker in that process can speak to the office as this camera while in it, and no longer: the text
signed is the signature base of one such request, of now, which no statement of the camera's can be,
or how the camera is, in the daemon's own words; only the office's own signature acknowledges a
recording, or makes settings that hold.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol

import msgspec
from aiohttp import web

from camerad.base.clock import SECOND
from camerad.base.errors import CameradError
from camerad.config.office_section import Office
from camerad.control.routes import StoreAccess, parse_body, refusal_of

if TYPE_CHECKING:
    from camerad.container.keys import PublicKey, SigningKey
    from camerad.provisioning.offered_settings import OfferedSettings
    from camerad.store.store import Store

SETTINGS_PATH: Final = "/dock/settings"
LOG_PATH: Final = "/dock/log"
LARGEST_OFFER: Final = 96 * 1024
"""Bytes of a request there: a settings file of 64 KiB, in base64, and its signature."""
TAG: Final = "camerad-dock"
"""Of a request's signature, as `camerad.exchange.request_signature` has it."""
LONGEST: Final = 4096
"""Characters of a signature base that is signed."""
NEAR_SECONDS: Final = 60
"""How far the time of a request may be from the camera's, by the one clock that both ends of the
socket have. A request dated further ahead would count long after its process has ended."""
_ID: Final = r"[0-9]{8}T[0-9]{6}Z-[0-9]{6,18}-[0-9a-f]{8}"
"""As `camerad.container.recording_ids.SPELLED`."""
_REQUEST: Final = re.compile(
    "POST /v1/uploads"
    rf"|(HEAD|PATCH|DELETE) /v1/uploads/{_ID}"
    rf"|GET /v1/recordings/{_ID}/receipt"
    "|POST /v1/check-in"
    "|GET /v1/offers/[0-9a-f]{64}"
    "|(GET|POST) /v1/ledger"
    r"|PUT /v1/ledger/[0-9]{6,9}\.(jws|damaged|checkpoint)"
)
"""The signed requests of docs/office-api.md."""
_LINE: Final = re.compile(r'"(@?[a-z][a-z0-9-]{0,40})": ([ -~]*)')
_COVERED: Final = frozenset(
    (
        "@method",
        "@target-uri",
        "content-digest",
        "upload-length",
        "upload-metadata",
        "upload-offset",
        "upload-checksum",
    )
)
_PARAMETERS: Final = re.compile(
    r'"@signature-params": \(([ -~]*)\);created=([0-9]{1,12});keyid="([A-Za-z0-9_-]{43})"'
    r';alg="ed25519";nonce="[!#-\[\]-~]{1,128}";tag="' + TAG + '"'
)


class _Base(msgspec.Struct, forbid_unknown_fields=True):
    base: str


class _OfficeReceipt(msgspec.Struct, forbid_unknown_fields=True):
    receipt: str


class _Nothing(msgspec.Struct, forbid_unknown_fields=True):
    """No fields: there is nothing to choose."""


class _SettingsOffer(msgspec.Struct, forbid_unknown_fields=True):
    offer: str


class _OfficeLog(msgspec.Struct, forbid_unknown_fields=True):
    """log: a statement with `camerad.transparency.office_log.ShownLog`."""

    log: str


class CameraAtDock(StoreAccess, Protocol):
    """The daemon's interface for these requests."""

    def status(self) -> dict[str, Any]:
        """The camera's status, ready for JSON."""

    def counters(self) -> dict[str, Any]:
        """Its counters, as `camerad.control.metrics.Metrics.dump` gives it."""

    def disputes(self, *, holds: bool) -> None:
        """Whether the camera disputes what its office shows of its log."""


class NotThisCamerasError(CameradError, ValueError):
    """Error raised when a text is none that the camera signs for its office, or a receipt none for
    its recordings as the ledger has them; it says why."""


class DockRequests:
    """Answers them. Without an office, or if what is asked cannot be, that becomes 409.

    provision_dir: `device.provision_dir`; None if the camera was set up by hand.
    """

    def __init__(
        self, keeper: CameraAtDock, office: Office | None, provision_dir: Path | None = None
    ) -> None:
        self._keeper = keeper
        self._office = office
        self._provision_dir = provision_dir
        self._said = ""
        """SHA-256 of the last check-in, whose answer alone counts."""

    def add_to(self, router: web.UrlDispatcher) -> None:
        """Have `router` route to these requests."""
        router.add_post("/dock/signature", self._signature)
        router.add_post("/dock/receipt", self._receipt)
        router.add_post("/dock/check-in", self._check_in)
        router.add_post(SETTINGS_PATH, self._settings)
        router.add_post(LOG_PATH, self._log)

    async def _signature(self, request: web.Request) -> web.Response:
        asked, office = await parse_body(request, _Base), self._server()

        def work(store: Store, key: SigningKey) -> dict[str, Any]:
            _, now = store.ledger.now()
            check_base(asked.base, office.url, key.public.thumbprint, now.wall_us // SECOND)
            signature = key.sign(asked.base.encode("ascii"))
            return {"signature": base64.b64encode(signature).decode("ascii")}

        return await self._do(work)

    async def _receipt(self, request: web.Request) -> web.Response:
        from camerad.container.keys import KeyRing  # noqa: PLC0415 - slow to import
        from camerad.store import receipts  # noqa: PLC0415
        from camerad.store.device_client import accept_receipt  # noqa: PLC0415
        from camerad.transparency.camera_witness import CameraWitness  # noqa: PLC0415

        asked = await parse_body(request, _OfficeReceipt)
        office_key = _key_of(self._server())

        def work(store: Store, key: SigningKey) -> dict[str, Any]:
            token, keys = asked.receipt.encode("ascii", "replace"), KeyRing([office_key])
            known = store.ledger.state.recordings
            named = receipts.parse(token, keys).recordings
            own = [one for one in named if one.id in known and known[one.id].final == one.final]
            if not own:
                raise NotThisCamerasError(
                    "this receipt is for no recording of this camera as its ledger has it"
                )
            new = [one.final for one in own if known[one.id].acknowledged is None]
            CameraWitness(store.place.root, office_key, store.ledger, key).expect(new)
            return {"acknowledged": accept_receipt(store, keys, token)}

        return await self._do(work)

    async def _check_in(self, request: web.Request) -> web.Response:
        from camerad.container import jws  # noqa: PLC0415
        from camerad.control.check_in_report import (  # noqa: PLC0415 - slow to import
            PresentState,
            make_check_in,
        )
        from camerad.store import check_in  # noqa: PLC0415
        from camerad.transparency.camera_witness import CameraWitness  # noqa: PLC0415

        await parse_body(request, _Nothing)
        office_key = _key_of(self._server())
        keeper, device = self._keeper, self._keeper.device
        status, counters = keeper.status(), keeper.counters()

        def work(store: Store, key: SigningKey) -> dict[str, Any]:
            seen = CameraWitness(store.place.root, office_key, store.ledger, key).read()
            present = PresentState(device, key.public.thumbprint, status, counters, seen)
            said = make_check_in(store, present, self._offers(store), self._provision_dir)
            token = check_in.sign(key, said)
            self._said = jws.digest(token)
            return {"statement": token.decode("ascii")}

        return await self._do(work)

    async def _settings(self, request: web.Request) -> web.Response:
        asked = await parse_body(request, _SettingsOffer)
        self._server()

        def work(store: Store, key: SigningKey) -> dict[str, Any]:
            offer = asked.offer.encode("ascii", "replace")
            refused = self._offers(store).take(offer, key.public.thumbprint)
            return {"refused": None if refused is None else refused.text}

        return await self._do(work)

    async def _log(self, request: web.Request) -> web.Response:
        from camerad.transparency.camera_witness import (  # noqa: PLC0415 - slow to import
            CameraWitness,
            WitnessOutcome,
        )

        asked = await parse_body(request, _OfficeLog)
        office_key, about = _key_of(self._server()), self._said

        def work(store: Store, key: SigningKey) -> WitnessOutcome:
            witness = CameraWitness(store.place.root, office_key, store.ledger, key)
            return witness.see(asked.log.encode("ascii", "replace"), about)

        try:
            outcome = await self._keeper.ask(work)
        except CameradError as error:
            raise refusal_of(error) from error
        self._keeper.disputes(holds=outcome.dispute is not None)
        return web.json_response({"cosigned": outcome.cosigned, "dispute": outcome.dispute})

    def _offers(self, store: Store) -> OfferedSettings:
        from camerad.provisioning.offered_settings import (  # noqa: PLC0415 - slow to import
            OfferedSettings,
        )

        return OfferedSettings(store.place.root, self._provision_dir)

    def _server(self) -> Office:
        if self._office is None:
            raise web.HTTPConflict(
                text="this camera has no office to hand over to: its configuration needs the "
                "section office"
            )
        return self._office

    async def _do(self, work: Callable[[Store, SigningKey], dict[str, Any]]) -> web.Response:
        answer: Awaitable[dict[str, Any]] = self._keeper.ask(work)
        try:
            return web.json_response(await answer)
        except CameradError as error:
            raise refusal_of(error) from error


def _key_of(office: Office) -> PublicKey:
    """The office's key. Raises HTTPConflict if the configuration has none."""
    from camerad.container.keys import PublicKey  # noqa: PLC0415 - slow to import

    try:
        return PublicKey.from_jwk({"kty": "OKP", "crv": "Ed25519", "x": office.key})
    except ValueError:
        raise web.HTTPConflict(
            text="office.key in the camera's configuration is no key, so nothing of the office's "
            "is accepted: write the office's public key there"
        ) from None


def check_base(base: str, url: str, kid: str, now_seconds: int) -> None:
    """Make sure that a text is the signature base (RFC 9421, 2.5) of a request to the office.

    url: the office's address. kid: thumbprint of the camera's key. now_seconds: since 1970, by the
    camera's clock. The text is of now, covers a method and an address that docs/office-api.md has,
    and what it lists besides, each once, as its last line says. Raises NotThisCamerasError.
    """
    if len(base) > LONGEST:
        raise NotThisCamerasError(f"this is no request's signature base: longer than {LONGEST}")
    *lines, last = base.split("\n")
    found = [_LINE.fullmatch(line) for line in lines]
    fields = [(one[1], one[2]) for one in found if one is not None]
    names = [name for name, _ in fields]
    parameters = _PARAMETERS.fullmatch(last)
    if len(fields) < len(lines) or parameters is None:
        raise NotThisCamerasError(
            "this is no request's signature base: its lines are not of the form that "
            "docs/office-api.md gives"
        )
    if parameters[3] != kid:
        raise NotThisCamerasError(
            f"this request names another key than the camera's: {parameters[3]}"
        )
    if abs(int(parameters[2]) - now_seconds) > NEAR_SECONDS:
        raise NotThisCamerasError(
            f"this request is not of now: its time is {parameters[2]}, and the camera's clock says "
            f"{now_seconds}; if that was set just now, ask again"
        )
    if (
        names[:2] != ["@method", "@target-uri"]
        or len(set(names)) < len(names)
        or not _COVERED.issuperset(names)
        or parameters[1].split(" ") != [f'"{name}"' for name in names]
    ):
        raise NotThisCamerasError(
            "this request's signature does not cover what it has to, each once: the method, the "
            "address, and those fields that docs/office-api.md lists"
        )
    method, target = fields[0][1], fields[1][1]
    if not target.startswith(f"{url}/v1/"):
        raise NotThisCamerasError(f"this request is not to the camera's office, {url}/v1/")
    asked = f"{method} {target.removeprefix(url)}"
    if _REQUEST.fullmatch(asked) is None:
        raise NotThisCamerasError(f"{asked[:200]}: docs/office-api.md has no such request")
