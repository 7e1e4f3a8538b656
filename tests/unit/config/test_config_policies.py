"""Policies: found where they should be, held against the configuration, and overridden openly."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from camerad.behaviour.stages import Stage
from camerad.config import Overridden, check_file, load, policies
from tests.unit.config.vectors import vectors

Write = Callable[..., Path]

BOTH = frozenset({Stage.IDLE, Stage.SELF_VIEW})
SELF_VIEW = frozenset({Stage.SELF_VIEW})
NEVER: frozenset[Stage] = frozenset()

# name: max_seconds, seconds, armed_in, retention_days
SHIPPED = {
    "nrw-ordnungsamt": (0, 0, NEVER, 14),
    "bundespolizei": (30, 29, BOTH, 30),  # 29 seconds and a group of 1 second are 30
    "bayern": (60, 59, BOTH, 59),  # the shortest two months are 59 days
    "bremen": (30, 29, BOTH, 59),
    "baden-wuerttemberg": (60, 45, SELF_VIEW, 14),
    "generic": (31, 30, SELF_VIEW, 14),
    "rheinland-pfalz-ordnungsamt": (0, 0, NEVER, 30),
}

FIRST = frozenset(
    ("nrw-ordnungsamt", "bundespolizei", "bayern", "bremen", "baden-wuerttemberg", "generic")
)
"""Those of version 0.1.0, the only ones that may be without `since`; nothing is added here."""

OWN = """\
title: Ours
pre_event: {max_seconds: 10, seconds: 5, sound: false, armed_in: [self_view]}
retention: {days: 20, min_days: 3}
sound: true
stamp: false
announcement: false
"""

OVERRIDE = "overrides: {reason: Trial until June, authorised_by: E. Mustermann}\n"


@pytest.mark.parametrize("name", SHIPPED)
def test_a_shipped_policy_holds_as_its_sources_say(name: str, write: Write) -> None:
    policy = load(write(f"policy: {name}\n")).policy
    buffer = policy.pre_event
    assert (
        buffer.max_seconds,
        buffer.seconds,
        buffer.armed_in,
        policy.retention_days,
    ) == SHIPPED[name]
    assert not buffer.sound
    assert policy.name == name
    # Cameras that were made before it was there refuse a file that names it.
    assert (policies.newer_image(name) is None) == (name in FIRST)


def test_no_policy_is_shipped_without_standing_here(write: Write) -> None:
    path = write("policy: generic\n")
    assert policies.known_policies(policies.policy_directories(path)) == tuple(sorted(SHIPPED))


@pytest.mark.parametrize("name", SHIPPED)
def test_every_limit_of_a_shipped_policy_is_explained_above_it(name: str) -> None:
    path = policies.shipped_directories()[0] / "policies" / f"{name}.yaml"
    paragraphs = path.read_text(encoding="utf-8").split("\n\n")
    limits = [p for p in paragraphs if ":" in p and not p.startswith(("#\n", "title:"))]
    for paragraph in limits[1:]:  # the first one is the head
        keys = [line for line in paragraph.splitlines() if not line.endswith(":")]
        assert keys[0].lstrip().startswith("# "), f"{path}: {keys[0]}"


def test_a_policy_beside_the_configuration_comes_first(write: Write) -> None:
    settings = load(write("policy: generic\n", generic=OWN))
    assert settings.policy.title == "Ours"
    assert settings.policy.path == Path("policies/generic.yaml")


def test_a_policy_in_etc_comes_before_the_shipped_one(write: Write, etc: Path) -> None:
    place = etc / "policies"
    place.mkdir()
    (place / "generic.yaml").write_text(OWN, encoding="utf-8")
    assert load(write("policy: generic\n")).policy.path == place / "generic.yaml"


def test_installed_policies_are_found_without_the_source_tree(
    write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tmp_path / "usr" / "share" / "camerad" / "policies"
    place.mkdir(parents=True)
    (place / "ours.yaml").write_text(OWN, encoding="utf-8")
    monkeypatch.setattr(policies, "_TREE", tmp_path)  # as in site-packages: no pyproject.toml
    monkeypatch.setattr("sys.prefix", str(tmp_path / "usr"))
    assert load(write("policy: ours\n")).policy.path == place / "ours.yaml"


def test_an_unknown_policy_lists_those_there_are(write: Write) -> None:
    path = write("policy: oars\n", ours=OWN, theirs=OWN)
    shipped = ", ".join(sorted([*SHIPPED, "ours", "theirs"]))
    assert check_file(path) == [
        'c.yaml:1: policy: "oars" is no policy of this version; did you mean ours? '
        f"(known policies: {shipped})"
    ]


def test_the_beginning_of_a_policys_name_is_understood(write: Write) -> None:
    (mistake,) = check_file(write("policy: nrw\n"))
    assert mistake.startswith(
        'c.yaml:1: policy: "nrw" is no policy of this version; did you mean nrw-ordnungsamt?'
    )


def test_where_nothing_resembles_the_policy_all_are_listed(write: Write) -> None:
    (mistake,) = check_file(write("policy: xyz\n"))
    assert mistake == (
        'c.yaml:1: policy: "xyz" is no policy of this version; known policies: '
        + ", ".join(sorted(SHIPPED))
    )


def test_without_any_policy_installed_the_message_says_so(
    write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(policies, "shipped_directories", lambda: ())
    assert check_file(write("policy: ours\n")) == [
        'c.yaml:1: policy: "ours" is no policy of this version; no policy is installed'
    ]


def test_the_name_of_a_policy_cannot_lead_out_of_its_folder(write: Write) -> None:
    (mistake,) = check_file(write("policy: ../../etc/passwd\n"))
    assert mistake.endswith("(small letters and digits, up to 100, and dashes) is needed")


def test_the_name_of_a_policy_fits_into_a_recordings_header(write: Write) -> None:
    (fits,) = check_file(write(f"policy: {'a-' * 99}b\n"))
    assert "is no policy" in fits
    (mistake,) = check_file(write(f"policy: {'a-' * 100}b\n"))
    assert mistake.endswith("(small letters and digits, up to 100, and dashes) is needed")


def test_norway_is_no_policy(write: Write) -> None:
    assert check_file(write("policy: no\n")) == [
        "c.yaml:1: policy: found no, which YAML reads as false; "
        'if it is meant as text, write it in quotes: "no"'
    ]


def test_a_policys_mistakes_are_named_in_its_own_file_after_those_of_the_configuration(
    write: Write,
) -> None:
    policy = "title: Ours\npre_event:\n  max_seconds: '10'\n  armed_in: [recording]\nstamp: on\n"
    assert check_file(write("policy: ours\ncamera: {fps: 0}\n", ours=policy)) == [
        "c.yaml:2: camera.fps: 0 is out of range; "
        "a whole number is needed, 5 to 60 frames per second",
        "policies/ours.yaml:1: retention: missing; a section is needed, with: days, min_days",
        "policies/ours.yaml:1: sound: missing; true or false is needed",
        "policies/ours.yaml:1: announcement: missing; true or false is needed",
        "policies/ours.yaml:2: pre_event.seconds: missing; a number is needed, 0 to 120 seconds",
        "policies/ours.yaml:2: pre_event.sound: missing; true or false is needed",
        'policies/ours.yaml:3: pre_event.max_seconds: found the text "10"; '
        "write the number without quotes: 10",
        'policies/ours.yaml:4: pre_event.armed_in[0]: found the text "recording"; '
        "one of these is needed: idle, self_view",
        "policies/ours.yaml:5: stamp: found on; true or false is needed (on means true)",
    ]


def test_an_empty_policy_is_told_by_its_own_name(write: Write) -> None:
    assert check_file(write("policy: ours\n", ours="")) == [
        "policies/ours.yaml: the file is empty; copy one of the other policies"
    ]


def test_a_policy_that_contradicts_itself_is_a_mistake_of_the_policy(write: Write) -> None:
    policy = OWN.replace("min_days: 3", "min_days: 30").replace(" seconds: 5", " seconds: 10")
    assert check_file(write("policy: ours\n", ours=policy)) == [
        "policies/ours.yaml:2: pre_event.seconds: 10 seconds with one group of pictures more "
        "(camera.key_interval_s: 1) is more than max_seconds (10); write 9 or less",
        "policies/ours.yaml:3: retention.min_days: more than retention.days (20); "
        "write that or less",
    ]


def test_a_camera_may_have_less_than_its_policy_allows(write: Write) -> None:
    settings = load(
        write("policy: bayern\npre_event: {seconds: 10, armed_in: [idle]}\nretention: {days: 7}\n")
    )
    assert settings.policy.pre_event.seconds == 10
    assert settings.policy.pre_event.max_seconds == 60
    assert settings.policy.pre_event.armed_in == {Stage.IDLE}
    assert settings.policy.retention_days == 7
    assert settings.overridden == ()


@pytest.mark.parametrize(
    ("policy", "chosen", "holds"),
    [
        # Armed in idle by the policy, and not.
        ("bundespolizei", "", "encode"),
        ("bundespolizei", "idle: {camera: encode}", "encode"),
        ("generic", "", "sensor"),
        ("generic", "idle: {camera: sensor}", "sensor"),
        ("generic", "idle: {camera: none}", "none"),
    ],
)
def test_what_runs_in_idle_is_what_the_buffer_needs_unless_less_is_chosen(
    write: Write, policy: str, chosen: str, holds: str
) -> None:
    assert load(write(f"policy: {policy}\n{chosen}\n")).idle == holds


@pytest.mark.parametrize("chosen", ["sensor", "none"])
def test_a_buffer_that_is_armed_in_idle_needs_the_encoder_there(write: Write, chosen: str) -> None:
    assert check_file(write(f"policy: bundespolizei\nidle: {{camera: {chosen}}}\n")) == [
        f"c.yaml:2: idle.camera: {chosen}, and the pre-event buffer is armed in idle; "
        "write encode, or take idle out of pre_event.armed_in"
    ]


def test_a_buffer_of_no_seconds_is_armed_nowhere(write: Write) -> None:
    settings = load(write("policy: bayern\npre_event: {seconds: 0, armed_in: [idle]}\n"))
    assert settings.policy.pre_event.armed_in == NEVER


GIVE = "or give overrides.reason and overrides.authorised_by"

# What is said about it, and which key, value and limit are kept.
BEYOND = vectors("beyond_policies.txt")


@pytest.mark.parametrize(("text", "message"), BEYOND)
def test_a_value_beyond_the_policy_is_refused_unless_a_person_allows_it(
    text: str, message: str, write: Write
) -> None:
    text, _, kept = text.rpartition("= ")
    assert check_file(write(text)) == [message]
    settings = load(write(f"{text}{OVERRIDE}"))
    assert settings.overridden == (Overridden(*kept.rstrip("\n").split(" | ")),)
    assert settings.overrides is not None
    assert settings.overrides.reason == "Trial until June"
    assert settings.overrides.authorised_by == "E. Mustermann"


def test_a_camera_may_forbid_muting_where_the_policy_allows_it(write: Write) -> None:
    assert load(write("policy: generic\n")).rules.may_mute
    assert not load(write("policy: generic\nsound: {may_mute: false}\n")).rules.may_mute
    assert not load(write("policy: generic\nmicrophone: {enabled: false}\n")).rules.may_mute
    # A policy of one's own that says nothing about it allows none.
    assert not load(write("policy: ours\n", ours=OWN)).rules.may_mute
    # Without sound there is nothing to mute.
    silent = OWN.replace("sound: true", "sound: false") + "may_mute: true\n"
    assert not load(write("policy: ours\n", ours=silent)).rules.may_mute


def test_a_camera_may_announce_where_its_policy_does_not_ask_for_it(write: Write) -> None:
    for text, enabled in (("", False), ("announcements: {enabled: true}\n", True)):
        settings = load(write(f"policy: bayern\n{text}"))
        assert (settings.policy.announcement, settings.announcements.enabled) == (enabled, enabled)
    assert load(write("policy: generic\n")).announcements.enabled


def test_an_override_without_a_name_is_the_only_thing_to_mend(write: Write) -> None:
    path = write("policy: generic\nretention: {days: 15}\noverrides: {reason: Trial}\n")
    assert check_file(path) == [
        "c.yaml:3: overrides.authorised_by: missing; a text of 1 to 1000 characters is needed"
    ]


def test_an_override_that_covers_nothing_covers_nothing(write: Write) -> None:
    assert load(write(f"policy: generic\n{OVERRIDE}")).overridden == ()


def test_seconds_and_group_may_fill_the_limit_exactly(write: Write) -> None:
    # 29.3 + 0.7 is 30.000000000000004 in binary fractions, and 30 by any other count.
    text = "policy: bremen\npre_event: {seconds: 29.3}\ncamera: {key_interval_s: 0.7}\n"
    assert check_file(write(text)) == []


def test_a_limit_shorter_than_a_group_allows_no_buffer(write: Write) -> None:
    policy = OWN.replace("max_seconds: 10, seconds: 5", "max_seconds: 0.5, seconds: 0")
    (mistake,) = check_file(write("policy: ours\npre_event: {seconds: 0.2}\n", ours=policy))
    assert f"; set pre_event.seconds to 0, {GIVE}" in mistake


def test_a_policy_that_arms_nowhere_says_so(write: Write) -> None:
    policy = OWN.replace("[self_view]", "[]")
    (mistake,) = check_file(write("policy: ours\npre_event: {armed_in: [idle]}\n", ours=policy))
    assert mistake.endswith(f"which allows no stage; set it to [], {GIVE}")


def test_the_policy_is_not_judged_by_a_value_that_is_wrong_in_itself(write: Write) -> None:
    path = write("policy: bremen\ncamera: {key_interval_s: 100}\npre_event: {seconds: 30}\n")
    assert [line.split(": ")[1] for line in check_file(path)] == ["camera.key_interval_s"]


def test_a_policy_that_older_images_do_not_have_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(policies, "ETC", tmp_path)
    (tmp_path / "policies").mkdir()
    path = tmp_path / "policies" / "ours.yaml"
    path.write_text(OWN)
    assert policies.newer_image("ours") is None
    path.write_text(f"{OWN}since: 0.10.0\n")
    said = policies.newer_image("ours")
    assert said is not None and "comes with camerad 0.10.0" in said and "docs/updates.md" in said
    for software, older in (("0.9.9", True), ("?", True), ("0.10.0", False), ("1.0.0rc1", False)):
        told = policies.newer_image("ours", software)
        assert (told is not None) == older, software
        assert not older or f"it runs {software}" in str(told)
    for text in ("since: soon\n", "- no mapping\n"):
        path.write_text(text)
        assert policies.newer_image("ours") is None  # whoever reads it says what is wrong
    path.unlink()
    path.mkdir()
    assert policies.newer_image("ours") is None
    assert policies.newer_image(None) is None
