"""Pauses grow, stay bounded for ever, and differ."""

from __future__ import annotations

from tickdeck.db.backoff import FIRST_S, LONGEST_S, Backoff


def test_pauses_double_up_to_the_longest_and_never_end() -> None:
    backoff = Backoff()
    pauses = [backoff.next_pause_s() for _ in range(5_000)]
    for number, pause in enumerate(pauses[:10]):
        longest = min(LONGEST_S, FIRST_S * 2**number)
        assert longest / 2 <= pause <= longest
    assert all(LONGEST_S / 2 <= pause <= LONGEST_S for pause in pauses[10:])
    assert len(set(pauses)) > 4_000, "those who lost one server do not come back together"


def test_after_a_success_it_begins_again() -> None:
    backoff = Backoff(first_s=1, longest_s=60)
    for _ in range(9):
        backoff.next_pause_s()
    backoff.reset()
    assert backoff.next_pause_s() <= 1
