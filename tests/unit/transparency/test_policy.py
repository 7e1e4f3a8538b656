"""Trust policies as C2SP tlog-policy writes them."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from camerad.container.keys import SigningKey
from camerad.transparency import checkpoints
from camerad.transparency.checkpoints import LOG, WITNESS, Checkpoint, NoteKey
from camerad.transparency.policy import PolicyError, parse_policy


def fixed_key(number: int) -> SigningKey:
    """The same in each process: names of tests have it."""
    return SigningKey(Ed25519PrivateKey.from_private_bytes(bytes([number]) * 32))


LOG_KEY = fixed_key(1)
KEYS = {name: fixed_key(number) for number, name in enumerate(("X1", "X2", "X3", "Y1", "Y2"), 2)}
LOG_LINE = f"log {NoteKey('example.com/log', LOG, LOG_KEY.public)} https://example.com/log"
WITNESS_LINES = "\n".join(
    f"witness {name} {NoteKey(name, WITNESS, key.public)}" for name, key in KEYS.items()
)
EXAMPLE = f"""\
# As the example of the specification: two levels of groups.
{LOG_LINE}

{WITNESS_LINES}
\tgroup X-witnesses  2 X1 X2 X3
group Y-witnesses any Y1 Y2
group X-and-Y all X-witnesses Y-witnesses
quorum X-and-Y
"""
CHECKPOINT = Checkpoint("example.com/log", 7, bytes(32))


@pytest.mark.parametrize(
    ("names", "enough"),
    [
        (("X1", "X2", "Y1"), True),
        (("X1", "X2", "X3", "Y1", "Y2"), True),
        (("X1", "X2"), False),
        (("X1", "Y1", "Y2"), False),
        ((), False),
    ],
)
def test_a_quorum_counts_witnesses_by_their_groups(names: tuple[str, ...], enough: bool) -> None:
    policy = parse_policy(EXAMPLE)
    lines = [checkpoints.cosign(KEYS[name], name, CHECKPOINT, 1) for name in names]
    note = checkpoints.sign(LOG_KEY, CHECKPOINT).with_lines(lines)
    assert policy.is_satisfied(note) is enough
    assert parse_policy(f"{LOG_LINE}\nquorum none").is_satisfied(note)
    of_another_log = checkpoints.sign(SigningKey.generate(), CHECKPOINT).with_lines(lines)
    assert not policy.is_satisfied(of_another_log)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "the quorum is missing"),
        ("quorum X1", "line 1: the quorum 'X1' is not defined above"),
        ("quorum none\nquorum none", "line 2: there is one quorum"),
        ("quorum none\nlogs x", "line 2: 'logs' is neither"),
        ("log", "line 1: this is no verifier key"),
        (f"{LOG_LINE}\n{LOG_LINE}", "line 2: this key is there twice"),
        (f"{LOG_LINE} x", "line 1: behind the key there is at most a URL"),
        (WITNESS_LINES.replace("witness X1", "log"), "line 1: this key is of another type"),
        (f"{WITNESS_LINES}\ngroup none any X1", "line 6: 'none' is no name"),
        (f"{WITNESS_LINES}\ngroup X1 any X2", "line 6: 'X1' is no name, or defined twice"),
        (f"{WITNESS_LINES}\ngroup A any", "line 6: a group has members"),
        (f"{WITNESS_LINES}\ngroup A any X1 X1", "line 6: a group has members, each once"),
        (f"{WITNESS_LINES}\ngroup A 3 X1 X2", "line 6: how many of a group count"),
        (f"{WITNESS_LINES}\ngroup A 0 X1 X2", "line 6: how many of a group count"),
        (f"{WITNESS_LINES}\ngroup A any A", "line 6: 'A' is not defined above"),
        (f"{WITNESS_LINES}\ngroup A any X1\ngroup B any X1", "line 7: 'X1' is not defined above"),
        ("quorum none\x01", "a policy is a text of lines"),
    ],
)
def test_a_mistake_in_a_policy_is_named_with_its_line(text: str, said: str) -> None:
    with pytest.raises(PolicyError, match=said.replace("(", r"\(")):
        parse_policy(text)
