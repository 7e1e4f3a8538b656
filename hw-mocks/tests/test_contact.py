"""Bounce, in simulated time."""

from __future__ import annotations

from itertools import pairwise
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hw_mocks.contact import NEW, NO_BOUNCE, WORN, Contact, Spring, Swing, swings


def run(contact: Contact, until_us: int) -> list[Swing]:
    """Every edge up to a time, each at its own instant."""
    edges = []
    while (next_us := contact.next_us()) is not None and next_us <= until_us:
        edge = contact.step(next_us)
        if edge is not None:
            edges.append(edge)
    return edges


@pytest.mark.parametrize(
    ("spring", "length_us", "number"),
    [
        # A handful of edges within 1 to 5 ms, as most switches have.
        (NEW, range(1_000, 5_001), range(3, 10)),
        # Long, but over within the 20 ms that debouncing usually allows.
        (WORN, range(9_000, 18_001), range(17, 42)),
        (NO_BOUNCE, range(1), range(1, 2)),
    ],
)
@given(seed=st.integers(), closed=st.booleans())
def test_a_bounce_is_an_odd_number_of_alternating_edges_of_its_springs_length(
    spring: Spring, length_us: range, number: range, seed: int, closed: bool
) -> None:
    edges = swings(Random(seed), spring, closed, 1_000_000)
    assert edges[0] == Swing(1_000_000, closed)
    assert edges[-1].closed == closed
    assert all(a.closed != b.closed for a, b in pairwise(edges))
    assert all(a.at_us < b.at_us for a, b in pairwise(edges))
    assert edges[-1].at_us - edges[0].at_us in length_us
    assert len(edges) in number


def test_a_press_makes_and_breaks_at_its_times() -> None:
    contact = Contact(Random(1))
    contact.close("finger", 1000, 101_000, bounce=False)
    assert run(contact, 1_000_000) == [Swing(1000, True), Swing(101_000, False)]


def test_a_stuck_contact_hides_the_presses_meanwhile() -> None:
    contact = Contact(Random(1))
    contact.close("stuck", 0, 1_000_000, bounce=False)
    assert run(contact, 0) == [Swing(0, True)]
    contact.close("finger", 200_000, 300_000)
    assert run(contact, 900_000) == []
    assert run(contact, 1_000_000) == [Swing(1_000_000, False)]


def test_a_finger_keeps_the_contact_when_the_fault_is_over() -> None:
    contact = Contact(Random(1))
    contact.close("stuck", 0, 100, bounce=False)
    contact.close("finger", 50, 500, bounce=False)
    assert run(contact, 1000) == [Swing(0, True), Swing(500, False)]


def test_a_worn_contact_bounces_long_only_while_it_is_worn() -> None:
    contact = Contact(Random(3))
    contact.wear(1_000_000)
    contact.close("finger", 0, 500_000)
    worn = run(contact, 900_000)
    contact.close("finger", 1_000_000, 1_500_000)
    new = run(contact, 2_000_000)
    assert len(worn) >= 2 * 17  # WORN's fewest edges, at make and at break
    assert len(new) <= 2 * 9  # NEW's most


def test_a_late_thread_still_delivers_every_edge_in_order() -> None:
    punctual, late = Contact(Random(5)), Contact(Random(5))
    for contact in (punctual, late):
        contact.close("finger", 0, 50_000)
    expected = run(punctual, 1_000_000)
    edges = []
    while (edge := late.step(1_000_000)) is not None:
        edges.append(edge)
    assert edges == expected


def test_a_look_at_the_wires_is_true_though_nobody_has_stepped_so_far() -> None:
    contact = Contact(Random(1))
    contact.close("finger", 1_000, 51_000, bounce=True)
    assert not contact.closed_at(999)
    assert contact.closed_at(1_000)
    # The bounce of a new switch lasts 5 ms at most, and the finger lets go at 51 ms.
    assert contact.closed_at(6_001)
    assert contact.closed_at(50_999)
    assert not contact.closed_at(51_000)
    assert not contact.closed, "looking changes nothing"
