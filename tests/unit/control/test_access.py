"""Rights and limits of users on the control socket."""

from __future__ import annotations

import asyncio
import grp
import os
import pwd
import socket
from typing import Any

import pytest

from camerad.config.control_section import Access
from camerad.control.access import (
    BURST,
    MAX_USERS,
    RATE,
    Peer,
    Permissions,
    Rates,
    Role,
    peer_of,
    role_of,
)

NOBODY = pwd.getpwnam("nobody")
GAMES = grp.getgrnam("games").gr_gid
STRANGER = 4_000_000_000  # no user or group of any machine


def everything(permissions: Permissions, peer: Peer) -> set[Role]:
    return {role for role in Role if permissions.may(peer, role)}


def test_root_and_the_daemons_user_may_everything() -> None:
    permissions = Permissions(Access(read=(), press=()), None)
    for uid in (0, os.geteuid()):
        peer = Peer(uid, frozenset({STRANGER}))
        assert everything(permissions, peer) == set(Role)
        assert permissions.is_own(peer)


def test_members_of_the_sockets_group_read_and_press_unless_told_otherwise() -> None:
    member = Peer(STRANGER, frozenset({STRANGER, GAMES}))
    assert everything(Permissions(Access(), "games"), member) == {Role.READ, Role.PRESS}
    assert everything(Permissions(Access(press=()), "games"), member) == {Role.READ}
    assert everything(Permissions(Access(), None), member) == set()


def test_who_is_not_on_this_machine_has_no_rights_and_keeps_nobody_from_theirs(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The office's settings may name a group that this camera does not have: it records all the
    same."""
    named = Access(configure=("group:no-such-group", "user:nobody"), read=("user:no-such-user",))
    permissions = Permissions(named, "games")
    assert everything(permissions, Peer(NOBODY.pw_uid, frozenset())) == {Role.CONFIGURE}
    assert everything(permissions, Peer(STRANGER, frozenset({GAMES}))) == {Role.PRESS}
    assert "access.configure: there is no group 'no-such-group' on this camera" in caplog.text
    assert "access.read: there is no user 'no-such-user'" in caplog.text


def test_users_and_groups_are_named_for_each_role_apart() -> None:
    access = Access(read=("user:nobody", "group:games"), press=(), configure=("user:nobody",))
    permissions = Permissions(access, None)
    assert everything(permissions, Peer(NOBODY.pw_uid, frozenset())) == {Role.READ, Role.CONFIGURE}
    assert everything(permissions, Peer(STRANGER, frozenset({GAMES}))) == {Role.READ}
    # A number counts as what it is: no user has the rights of a group with the same number.
    assert everything(permissions, Peer(GAMES, frozenset({NOBODY.pw_uid}))) == set()


def test_who_hands_recordings_over_reads_as_a_member_and_does_not_press() -> None:
    uploader = Peer(NOBODY.pw_uid, frozenset({GAMES}))
    named = Access(hand_over=("user:nobody",))
    assert everything(Permissions(named, "games"), uploader) == {Role.READ, Role.HAND_OVER}
    # Nobody else loses anything by it, nor does who is named to press.
    member = Peer(STRANGER, frozenset({GAMES}))
    assert everything(Permissions(named, "games"), member) == {Role.READ, Role.PRESS}
    both = Access(press=("user:nobody",), hand_over=("user:nobody",))
    assert everything(Permissions(both, None), uploader) == {Role.PRESS, Role.HAND_OVER}
    ours = f"user:{pwd.getpwuid(os.geteuid()).pw_name}"
    own = Permissions(Access(hand_over=(ours,)), "games")
    assert everything(own, Peer(os.geteuid(), frozenset())) == set(Role)


def test_a_group_that_hands_over_presses_all_the_same() -> None:
    member = Peer(STRANGER, frozenset({GAMES}))
    permissions = Permissions(Access(hand_over=("group:games",)), "games")
    assert everything(permissions, member) == {Role.READ, Role.PRESS, Role.HAND_OVER}


@pytest.mark.parametrize(
    ("method", "path", "role"),
    [
        ("GET", "/status", Role.READ),
        ("HEAD", "/metrics", Role.READ),
        # What tells of the scene before the camera is not for every reader.
        ("GET", "/health", Role.CONFIGURE),
        ("HEAD", "/health", Role.CONFIGURE),
        ("POST", "/intents/{name}", Role.PRESS),
        ("POST", "/shift", Role.CONFIGURE),
        ("POST", "/recordings/{id}/hold", Role.CONFIGURE),
        ("POST", "/intents", Role.CONFIGURE),
        ("POST", "/dock/signature", Role.HAND_OVER),
        ("POST", "/dock/receipt", Role.HAND_OVER),
        ("POST", "/dock/progress", Role.HAND_OVER),
        ("POST", "/dock/other", Role.CONFIGURE),
        ("POST", "", Role.CONFIGURE),
        ("DELETE", "/intents/{name}", Role.CONFIGURE),
        ("BREW", "/status", Role.CONFIGURE),
    ],
)
def test_what_is_not_known_to_be_less_needs_the_highest_role(
    method: str, path: str, role: Role
) -> None:
    assert role_of(method, path) is role


# --------------------------------------------------------------------------------- who is there


class Transport(asyncio.BaseTransport):
    def __init__(self, end: Any) -> None:
        super().__init__({"socket": end})


def test_the_kernel_says_who_is_at_the_other_end() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        peer = peer_of(Transport(ours))
    assert peer == Peer(os.geteuid(), frozenset({os.getegid(), *os.getgroups()}))


def test_who_has_gone_or_has_no_credentials_is_nobody() -> None:
    assert peer_of(None) is None
    assert peer_of(Transport(None)) is None
    ours, theirs = socket.socketpair()
    ours.close()
    theirs.close()
    assert peer_of(Transport(ours)) is None


def test_supplementary_groups_that_cannot_be_told_are_no_rights(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("camerad.control.access.SO_PEERGROUPS", 60_000)  # as on an old kernel
    ours, theirs = socket.socketpair()
    with ours, theirs:
        assert peer_of(Transport(ours)) == Peer(os.geteuid(), frozenset({os.getegid()}))


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be another user for a moment")
def test_another_user_is_known_by_user_and_groups() -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("")  # a name of its own that needs no directory
        listener.listen(1)
        listener.settimeout(20)
        child = os.fork()
        if child == 0:
            try:
                os.setgroups([GAMES, STRANGER])
                os.setresgid(NOBODY.pw_gid, NOBODY.pw_gid, NOBODY.pw_gid)
                os.setresuid(NOBODY.pw_uid, NOBODY.pw_uid, NOBODY.pw_uid)
                with socket.socket(socket.AF_UNIX) as end:
                    end.connect(listener.getsockname())
                    end.recv(1)
            finally:
                os._exit(0)
        end, _ = listener.accept()
        with end:
            peer = peer_of(Transport(end))
        os.waitpid(child, 0)
    assert peer == Peer(NOBODY.pw_uid, frozenset({NOBODY.pw_gid, GAMES, STRANGER}))


# ---------------------------------------------------------------------------------------- rates


def test_a_burst_is_allowed_and_then_so_many_in_a_second() -> None:
    rates = Rates()
    assert [rates.take(1, 0.0) for _ in range(int(BURST) + 5)].count(True) == BURST
    later = [rates.take(1, 1.0) for _ in range(int(BURST))]
    assert later.count(True) == RATE
    rested = [rates.take(1, 1000.0) for _ in range(int(BURST) + 5)]
    assert rested.count(True) == BURST


def test_one_users_haste_is_not_anothers() -> None:
    rates = Rates()
    for _ in range(100):
        rates.take(1, 0.0)
    assert not rates.take(1, 0.0)
    assert rates.take(2, 0.0)


def test_any_number_of_users_costs_bounded_memory() -> None:
    rates = Rates()
    for uid in range(10 * MAX_USERS):
        assert rates.take(uid, 0.0)
    assert len(rates._buckets) == MAX_USERS
