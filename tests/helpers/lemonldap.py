"""LemonLDAP::NG, a provider of OpenID Connect that is not ours, with its own page to log in at.

Debian's packages of it and of its server (`sh hw-mocks/prepare.sh campaign` installs them), each in
a process of its own, below a temporary directory; nothing of the machine's own configuration is
used. It has its three people of a demonstration, each with their name as password: ``dwho``,
``rtyler``, ``msmith``. TLS ends before it, as it does with a web server of a city.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import socket
import subprocess
import threading
import time
from pathlib import Path
from typing import Any, Final

from authority import authority
from hw_mocks.free_port import free_port

CLIENT: Final = "camerad-desk"
SECRET: Final = "pa~ss:word+1"  # noqa: S105 - it opens nothing but this provider
HOST: Final = "127.0.0.1"
PATIENCE: Final = 30.0
_PROGRAM: Final = Path("/usr/share/lemonldap-ng/portal/htdocs/index.psgi")
_APP: Final = """\
use Plack::Builder;
use Plack::App::File;
use Lemonldap::NG::Portal::Main;
my $portal = Lemonldap::NG::Portal::Main->run({});
builder {
    mount "/static" => Plack::App::File->new(
        root => "/usr/share/lemonldap-ng/portal/htdocs/static")->to_app;
    mount "/javascript" => Plack::App::File->new(root => "/usr/share/javascript")->to_app;
    mount "/" => $portal;
};
"""
_INI: Final = """\
[all]
logLevel = notice
checkTime = 1
[configuration]
type = File
dirName = {root}/conf
localStorage = Cache::FileCache
localStorageOptions = {{ 'namespace' => 'conf', 'default_expires_in' => 1, \
'cache_root' => '{root}/cache', 'cache_depth' => 1 }}
[portal]
staticPrefix = /static
templateDir = /usr/share/lemonldap-ng/portal/templates
languages = en, de
[handler]
"""


class Lemonldap:
    """root: where it has its files. back: the address that browsers come back to."""

    def __init__(self, root: Path, back: str) -> None:
        assert _PROGRAM.exists(), "install liblemonldap-ng-portal-perl, libcrypt-jwt-perl, starman"
        self.root = root
        self.back = back
        for name in ("conf", "cache", "sessions/lock", "psessions/lock", "notifications"):
            (root / name).mkdir(parents=True)
        made = authority()
        self.ca = root / "provider-ca.pem"
        self.ca.write_text(made.pem)
        self.secret_file = root / "openid-secret"
        self.secret_file.write_text(SECRET + "\n")
        self._tls = made.context(root)
        self._port = free_port()
        self._behind = free_port()
        self.issuer = f"https://{HOST}:{self._port}"
        self._process: subprocess.Popen[bytes] | None = None
        self._ini = root / "lemonldap-ng.ini"
        self._ini.write_text(_INI.format(root=root))
        (root / "portal.psgi").write_text(_APP)
        self.log = root / "log"
        self._configure()
        self._loop = asyncio.new_event_loop()
        self._front: asyncio.Server | None = None
        self._serving: set[asyncio.Task[None]] = set()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()

    def start(self, seconds_off: int = 0) -> None:
        """Start it, and wait until it answers. seconds_off: of its clock."""
        command = ["starman", "--workers", "4", "--listen", f"{HOST}:{self._behind}"]
        command += ["--disable-keepalive", str(self.root / "portal.psgi")]
        if seconds_off:
            command = ["faketime", "-f", f"{seconds_off:+d}s", *command]
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                command, stdout=log, stderr=log, env=self._environment(), start_new_session=True
            )
        until = time.monotonic() + PATIENCE
        while True:
            with contextlib.suppress(OSError), socket.create_connection((HOST, self._behind), 1):
                break
            assert self._process.poll() is None, self.log.read_text()
            assert time.monotonic() < until, "the provider does not listen"
            time.sleep(0.05)
        self._on_loop(self._open())

    def stop(self) -> None:
        """End it; nobody answers at its address then."""
        process, self._process = self._process, None
        self._on_loop(self._shut())
        if process is not None:
            os.killpg(process.pid, signal.SIGTERM)
            process.wait(PATIENCE)

    def close(self) -> None:
        """The same, for good."""
        self.stop()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(PATIENCE)
        self._loop.close()

    def _configure(self) -> None:
        """What its administrator enters: the client, with what the desk needs of it."""
        conf: dict[str, Any] = json.loads(
            Path("/var/lib/lemonldap-ng/conf/lmConf-1.json").read_text()
        )
        files = {"generateModule": "Lemonldap::NG::Common::Apache::Session::Generate::SHA256"}
        conf |= {
            "portal": f"{self.issuer}/",
            "domain": HOST,
            "securedCookie": 1,
            "globalStorageOptions": files
            | {
                "Directory": f"{self.root}/sessions",
                "LockDirectory": f"{self.root}/sessions/lock",
            },
            "persistentStorageOptions": {
                "Directory": f"{self.root}/psessions",
                "LockDirectory": f"{self.root}/psessions/lock",
            },
            "notification": 0,
            "passwordDB": "Null",
            "registerDB": "Null",
            "captcha_mail_enabled": 0,
            "captcha_register_enabled": 0,
            "portalDisplayRegister": 0,
            "portalDisplayResetPassword": 0,
            "localSessionStorageOptions": {
                "cache_root": f"{self.root}/cache",
                "cache_depth": 1,
                "default_expires_in": 600,
                "namespace": "sessions",
            },
            "portalForceAuthnInterval": 5,  # `prompt=login` counts for nothing before
            "issuerDBOpenIDConnectActivation": 1,
            "oidcServiceMetaDataIssuer": self.issuer,
            "oidcRPMetaDataExportedVars": {"desk": {}},
            "oidcRPMetaDataOptions": {
                "desk": {
                    "oidcRPMetaDataOptionsClientID": CLIENT,
                    "oidcRPMetaDataOptionsClientSecret": SECRET,
                    "oidcRPMetaDataOptionsRedirectUris": self.back,
                    "oidcRPMetaDataOptionsIDTokenSignAlg": "RS256",
                    "oidcRPMetaDataOptionsRequirePKCE": 1,
                    "oidcRPMetaDataOptionsBypassConsent": 1,
                }
            },
        }
        conf |= self._first_key()
        (self.root / "conf/lmConf-1.json").write_text(json.dumps(conf))

    def _first_key(self) -> dict[str, str]:
        key = self.root / "key.pem"
        certificate = self.root / "key-certificate.pem"
        made = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "30"]
        made += ["-keyout", str(key), "-out", str(certificate), "-subj", "/CN=provider"]
        subprocess.run(made, check=True, capture_output=True)
        return {
            "oidcServicePrivateKeySig": key.read_text(),
            "oidcServicePublicKeySig": certificate.read_text(),
            "oidcServiceKeyIdSig": "first",
        }

    def _environment(self) -> dict[str, str]:
        kept = {"PATH": os.environ["PATH"], "LANG": "C.UTF-8", "HOME": str(self.root)}
        return kept | {"LLNG_DEFAULTCONFFILE": str(self._ini)}

    async def _open(self) -> None:
        self._front = await asyncio.start_server(self._serve, HOST, self._port, ssl=self._tls)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection. What ends on one side ends on both."""
        task = asyncio.current_task()
        assert task is not None
        self._serving.add(task)
        task.add_done_callback(self._serving.discard)
        ends = [writer]
        try:
            there, back = await asyncio.open_connection(HOST, self._behind)
            ends.append(back)
            ways = [asyncio.ensure_future(_pass(*way)) for way in ((reader, back), (there, writer))]
            try:
                await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for way in ways:
                    way.cancel()
                await asyncio.gather(*ways, return_exceptions=True)
        except (OSError, asyncio.CancelledError):
            return
        finally:
            for end in ends:
                end.close()

    async def _shut(self) -> None:
        front, self._front = self._front, None
        if front is not None:
            front.close()
        serving = list(self._serving)
        for one in serving:
            one.cancel()
        await asyncio.gather(*serving, return_exceptions=True)
        for _ in range(3):  # a transport gives its socket back some turns later
            await asyncio.sleep(0)

    def _on_loop(self, work: Any) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(PATIENCE)


async def _pass(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    while piece := await source.read(65_536):
        sink.write(piece)
        await sink.drain()
