"""Time stamps on checkpoints: an authority of openssl stamps, openssl alone verifies, and what is
wrong is refused in one sentence."""

from __future__ import annotations

import re
import subprocess
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from authority import authority
from stamp_authority import StampServer

from camerad.base.clock import DAY, SECOND, ClockSource, ManualClock
from camerad.cli.main import main
from camerad.office.jobs import bounded_post
from camerad.office.jobs.periodic_job import JobFailedError
from camerad.office.jobs.vouching_jobs import StampJob
from camerad.office.server.office_settings import (
    OfficeFile,
    TimeStampSettings,
    TlsSettings,
    example,
)
from camerad.transparency.stamp_files import CHECKPOINT, RESPONSE, stamps_among, stamps_in
from camerad.transparency.time_stamps import StampAuthority, StampCheck, StampError

from .test_witness import Scene

ROOT = authority()
PAGE = Path(__file__).parents[3] / "docs/transparency.md"


class Stamped(Scene):
    """An office with a log, at the time of this machine."""

    def __init__(self, root: Path, server: StampServer) -> None:
        super().__init__(root)
        self.server = server
        self.clock = ManualClock(wall_us=time.time_ns() // 1000)
        self.office.clock = self.clock
        self.office.open()
        self.work()

    def job(self, *servers: StampServer, login: Path | None = None) -> StampJob:
        named = tuple(TimeStampSettings(one.url, one.certificates, login) for one in servers)
        return StampJob(str(self.office.path), named, self.clock)

    @property
    def paths(self) -> list[Path]:
        return [Path(one.path) for one in stamps_in(f"{self.log.directory}/stamps")]

    def check(self, *authorities: StampServer) -> tuple[list[str], list[str]]:
        """What is said of the stamps, and what is wrong with them."""
        check = StampCheck([str(one.certificates) for one in authorities])
        said, found = check.check_log(str(self.office.path))
        return said, [f"{severity.name}: {text}" for severity, text in found]


def with_ending(path: Path, ending: str) -> Path:
    """A file of the stamp whose files have this path, but for their endings."""
    return Path(f"{path}{ending}")


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Stamped]:
    with StampServer(tmp_path / "authority", "Stamps of the Land", root=ROOT) as server:
        scene = Stamped(tmp_path, server)
        yield scene
        scene.office.ledger.close()
        scene.camera.ledger.close()


@pytest.fixture
def server(scene: Stamped) -> StampServer:
    return scene.server


def documented(what: str, path: Path, certificates: Path) -> int:
    """Run a command as the page has it; returns its exit code."""
    (line,) = re.findall(rf"^openssl ts -verify {what} .*$", PAGE.read_text("utf-8"), re.M)
    words = line.replace("NAME", path.name).replace("ROOT", str(certificates))
    words = words.replace("SECONDS", str(round(time.time()) + 3))
    return subprocess.run(
        words.split(), cwd=path.parent, check=False, capture_output=True
    ).returncode


def test_growth_and_each_day_are_stamped_and_openssl_alone_verifies(
    scene: Stamped, server: StampServer
) -> None:
    job = scene.job(server)
    for expected in (1, 1, 2):
        if expected == 2:
            scene.work(1)
        job.look()
        assert len(server.asked) == expected
    first, last = scene.paths
    for path in (first, last):
        assert documented("-data", path, server.certificates) == 0
        assert documented("-attime", path, server.certificates) == 0
    (said,), wrong = scene.check(server)
    assert wrong == []
    assert said.startswith("2 time stamps on the office's log, the last on ")
    assert "entries by CN=Stamps of the Land on 20" in said and said.endswith("accurate to 1.5 s")
    # Nothing new, and a new day.
    scene.clock.source = ClockSource.UNKNOWN
    scene.clock.advance(DAY)
    scene.job(server).look()
    assert len(server.asked) == 3


def test_one_that_was_away_stamps_the_newest(
    scene: Stamped, server: StampServer, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with StampServer(tmp_path / "other", "Other") as other:
        job = scene.job(server, other)
        job.look()
        server.status = 503
        scene.work(1)
        for _ in range(2):
            with pytest.raises(JobFailedError, match="not stamped by 127"):
                job.look()
        assert caplog.text.count("does not stamp the office's log: it answers with 503") == 1
    assert len(scene.paths) == 3  # the other one is asked all the same
    server.status = 200
    scene.work(1)
    scene.job(server).look()
    assert len(scene.paths) == 4
    assert scene.check(server)[1][0].startswith("NOTE: ")


def test_certificates_that_are_gone_stop_no_other_authority(
    scene: Stamped, server: StampServer, tmp_path: Path
) -> None:
    server.certificates.unlink()
    with StampServer(tmp_path / "other", "Other") as other:
        with pytest.raises(JobFailedError):
            scene.job(server, other).look()
        assert len(scene.paths) == len(other.asked) == 1


def refused(scene: Stamped, server: StampServer) -> None:
    """The job keeps no stamp."""
    with pytest.raises(JobFailedError):
        scene.job(server).look()
    assert scene.paths == []


def patched(before: bytes, after: bytes) -> Callable[[bytes], bytes]:
    return lambda answer: answer.replace(before, after, 1)


GRANTED = b"\x30\x03\x02\x01\x00"
IMPRINT = b"\x04\x20"


@pytest.mark.parametrize(
    ("spoil", "text"),
    [
        (lambda _: b"", "this is no time stamp"),
        (lambda answer: answer[:-9], "this is no time stamp"),
        (lambda answer: answer + bytes(1 << 20), "this is no time stamp"),
        (lambda _: b"\x30\x05\x30\x03\x02\x01\x02", "the authority refused it with status 2"),
        (patched(GRANTED, b"\x30\x03\x02\x01\x05"), "the authority refused it with status 5"),
        (lambda answer: answer[:-5] + bytes(5), "no named certificate vouches"),
    ],
)
def test_an_answer_that_is_no_stamp_is_not_kept(
    scene: Stamped,
    server: StampServer,
    spoil: Callable[[bytes], bytes],
    text: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    server.spoil = spoil
    refused(scene, server)
    assert text in caplog.text


def test_a_stamp_with_modifications_counts(scene: Stamped, server: StampServer) -> None:
    server.spoil = patched(GRANTED, b"\x30\x03\x02\x01\x01")
    scene.job(server).look()
    assert scene.check(server)[1] == []
    assert documented("-data", scene.paths[0], server.certificates) == 0


def test_stamps_of_another_request_or_by_a_wrong_clock_are_not_kept(
    scene: Stamped, server: StampServer, caplog: pytest.LogCaptureFixture
) -> None:
    scene.job(server).look()
    for path in scene.paths:
        earlier = with_ending(path, RESPONSE).read_bytes()
        with_ending(path, RESPONSE).unlink()
    server.spoil = lambda _: earlier
    refused(scene, server)
    assert "the stamp answers another request" in caplog.text
    scene.work(1)
    refused(scene, server)
    assert "the stamp is of other data" in caplog.text
    server.spoil = bytes
    scene.clock.step_wall(-600 * SECOND)
    refused(scene, server)
    assert "by its clock it is 20" in caplog.text


def test_user_and_password_are_those_of_the_file(
    scene: Stamped, server: StampServer, tmp_path: Path
) -> None:
    login = tmp_path / "login"
    login.write_text("office\nsecret\n", "ascii")
    scene.job(server, login=login).look()
    assert server.asked[0]["Authorization"] == "Basic b2ZmaWNlOnNlY3JldA=="
    assert server.asked[0]["Content-Type"] == "application/timestamp-query"


def test_an_authority_that_hangs_is_left_in_time(
    scene: Stamped, server: StampServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bounded_post, "ANSWER_SECONDS", 0.3)
    server.spoil = lambda answer: time.sleep(1) or answer
    refused(scene, server)


def other_data(scene: Stamped, path: Path) -> None:
    """The stamp of another checkpoint."""
    scene.work(1)
    scene.job(scene.server).look()
    with_ending(scene.paths[1], RESPONSE).replace(with_ending(path, RESPONSE))


def other_checkpoint(_: Stamped, path: Path) -> None:
    with_ending(path, CHECKPOINT).write_text("made up\n", "ascii")


def altered(_: Stamped, path: Path) -> None:
    file = with_ending(path, RESPONSE)
    content = file.read_bytes()
    file.write_bytes(content[:-9] + bytes(9))


def other_root(scene: Stamped, path: Path) -> None:
    replace(path, StampServer(scene.root / "another", "Another"))


def same_root(scene: Stamped, path: Path) -> None:
    """Another authority of the root, where the certificates name the authority itself."""
    replace(path, StampServer(scene.root / "another", "Another", root=ROOT))
    scene.server.certificates.write_text(scene.server.root + scene.server.own, "ascii")


def expired(scene: Stamped, path: Path) -> None:
    day = datetime.now(UTC) - timedelta(days=9)
    replace(path, StampServer(scene.root / "another", "Another", day, ROOT))
    assert documented("-data", path, scene.server.certificates) != 0


def clock_jump(scene: Stamped, path: Path) -> None:
    """An entry that the office wrote long after the stamp of its checkpoint."""
    scene.clock.step_wall(600 * SECOND)
    scene.work(1)
    scene.clock.step_wall(-600 * SECOND)
    with_ending(path, RESPONSE).unlink()
    scene.job(scene.server).look()


def replace(path: Path, other: StampServer) -> None:
    """Another authority stamps the same checkpoint."""
    query = with_ending(path, ".tsq")
    words = f"openssl ts -query -data {with_ending(path, CHECKPOINT)} -sha256 -cert -out {query}"
    subprocess.run(words.split(), check=True, capture_output=True)
    with_ending(path, RESPONSE).write_bytes(other.stamp(query.read_bytes()))


ACTS = {
    other_data: "DAMAGE: PATH: the stamp is of other data",
    other_checkpoint: "DAMAGE: PATH: the log has no such checkpoint",
    altered: "NOTE: PATH: the stamp is by CN=Stamps of the Land, for which no named certificate "
    "vouches",
    other_root: "NOTE: PATH: the stamp is by CN=Another, for which no named certificate vouches",
    same_root: "NOTE: PATH: the stamp is by CN=Another, for which no named certificate vouches",
    expired: "DAMAGE: PATH: the certificate of CN=Another was not valid at the time of the stamp",
    clock_jump: "DAMAGE: PATH: the stamp is of 20",
}


@pytest.mark.parametrize(("act", "text"), ACTS.items())
def test_what_is_no_stamp_on_the_log_is_refused_in_one_sentence(
    scene: Stamped, act: Callable[[Stamped, Path], None], text: str
) -> None:
    scene.job(scene.server).look()
    act(scene, scene.paths[0])
    said, (first, *wrong) = scene.check(scene.server)
    assert said == []
    assert first.startswith("DAMAGE: ") and "no time stamp here is by the authority in" in first
    (sentence,) = wrong
    assert sentence.replace(str(with_ending(scene.paths[0], RESPONSE)), "PATH").startswith(text)


def test_in_a_package_a_stamp_is_not_older_than_the_proven_entries(scene: Stamped) -> None:
    scene.job(scene.server).look()
    (path,) = scene.paths
    text = with_ending(path, CHECKPOINT).read_text("ascii")
    check = StampCheck([str(scene.server.certificates)])
    now_us = scene.clock.wall_us()
    assert check.check_package(str(path.parent), text, now_us)[1] == []
    _, ((missing, _), (severity, sentence)) = check.check_package(
        str(path.parent), text, now_us + 600 * SECOND
    )
    assert (missing.name, severity.name) == ("NOTE", "DAMAGE") and "the stamp is of 20" in sentence


def test_a_checkpoint_that_was_declared_lost_is_no_damage(scene: Stamped) -> None:
    scene.check_in()
    scene.save()
    scene.work(1)
    scene.check_in()
    scene.job(scene.server).look()
    stamps = scene.root / "office/log/stamps"
    stamps.rename(scene.root / "stamps")
    scene.put_back()
    (scene.root / "stamps").rename(stamps)
    assert "the log has no such checkpoint" in scene.check(scene.server)[1][1]
    scene.declare()
    assert scene.check(scene.server)[1][1].endswith("the office declared this checkpoint lost")


def test_files_of_other_names_are_no_stamps() -> None:
    good = "000000000001-20261203T000000Z-stamps.example.tsr"
    others = (good.replace("1-", "0-"), good.replace("Z", ""), f"{good}.partial")
    (found,) = stamps_among([*others, good])
    assert (found.size, found.authority) == (1, "stamps.example")


@pytest.mark.parametrize("content", ["", "-----BEGIN CERTIFICATE-----\nAA\n", "own"])
def test_certificates_without_a_root_are_none(scene: Stamped, content: str) -> None:
    file = scene.server.certificates
    file.write_text(scene.server.own if content == "own" else content, "ascii")
    with pytest.raises(StampError, match=re.escape(str(file))):
        StampAuthority(str(file))


def test_verify_says_by_whom_and_when_or_what_is_wrong(
    scene: Stamped, capsys: pytest.CaptureFixture[str]
) -> None:
    scene.job(scene.server).look()
    key = scene.root / "key.pem"
    key.write_text(scene.office.key.public.pem, "ascii")
    named = ["--stamp-authority", str(scene.server.certificates)]
    main(["evidence", "verify", str(scene.root), "--key", str(key), *named])
    said = "stamped    1 time stamp on the office's log, the last on 6 entries by CN=Stamps of the"
    assert said in capsys.readouterr().out
    config = scene.root / "office.yaml"
    tls = TlsSettings(key, key)
    settings = OfficeFile(scene.root, "https://a", tls, key, scene.root / "register.json")
    stamps = (
        f"time_stamps:\n- url: {scene.server.url}\n  certificates: {scene.server.certificates}\n"
    )
    config.write_text(example(settings) + stamps, "utf-8")
    assert main(["office", "log", "show", "--config", str(config)]) == 0
    assert re.search(r"^127\.0\.0\.1_\d+ +stamped 6 entries +20", capsys.readouterr().out, re.M)
