"""`tickdeck ticks`: cancel, correct, history."""

from __future__ import annotations

from pathlib import Path

from tests.feeding import Tickdeck
from tickdeck.db.market.moments import iso
from tickdeck.testing.ticks import TickFactory


def test_cancel_correct_and_history(tickdeck: Tickdeck, tick_factory: TickFactory) -> None:
    ticks = tick_factory(3, symbols=["BTC/USDT"])
    when = [iso(time_us) for time_us in ticks.time_us.tolist()]
    seqs = [str(seq) for seq in ticks.seq.tolist()]
    which = ("BTC/USDT", when[0], seqs[0])
    ran = tickdeck("ticks", "correct", *which, "--price", "7.5", "--side", "sell", "--reason", "typo")
    assert (ran.code, ran.out) == (0, "corrected, and its candles are restated\n")
    assert tickdeck("ticks", "correct", *which, "--price", "7.5").out == "it was corrected so already\n"
    assert tickdeck("ticks", "cancel", "BTC/USDT", when[1], seqs[1]).code == 0
    assert tickdeck.rows("select price, side from ticks order by seq") == [(7.5, -1), (ticks.price[2], None)]
    first, second = tickdeck("ticks", "history", "BTC/USDT").out.splitlines()
    assert first.startswith(f"{when[0]} seq {seqs[0]} corrected ")
    assert f"(typo): was price {ticks.price[0]}, size" in first
    assert " cancelled " in second
    assert tickdeck("verify").code == 0
    assert tickdeck("ticks", "history", "NONE").out == "no tick of NONE was cancelled or corrected\n"


def test_what_cannot_be(tickdeck: Tickdeck, tick_factory: TickFactory) -> None:
    ticks = tick_factory(1, symbols=["A"])
    which = ("A", iso(int(ticks.time_us[0])), str(int(ticks.seq[0])))
    for arguments, said in (
        (("cancel", "A", which[1], "77"), "seq 77 is not stored"),
        (("correct", *which), "nothing to correct"),
        (("correct", *which, "--price", "-1"), "price -1.0 is negative"),
        (("cancel", "A", "yesterday", "1"), "TIME: 'yesterday' is no time"),
    ):
        ran = tickdeck("ticks", *arguments)
        assert ran.code == 1
        assert said in " ".join(ran.err.split())
    assert tickdeck.rows("select count(*) from tick_history") == [(0,)]


def test_from_a_file(tickdeck: Tickdeck, tick_factory: TickFactory, tmp_path: Path) -> None:
    ticks = tick_factory(3, symbols=["A"])
    when, seqs = [iso(time_us) for time_us in ticks.time_us.tolist()], ticks.seq.tolist()
    path = tmp_path / "corrections.csv"
    path.write_text(
        "kind,symbol,time,seq,price,side,known,reason\n"
        f"correct,A,{when[0]},{seqs[0]},7.5,sell,2026-01-05T15:00Z,late\n"
        f"cancel,A,{when[1]},{seqs[1]},,,,\n"
        f"cancel,A,{when[1]},99,,,,\n",
        encoding="utf-8",
    )
    ran = tickdeck("ticks", "apply", path)
    assert (ran.code, ran.out) == (3, "2 applied, 0 were so already, 1 could not be applied\n")
    assert f"{path.name}, line 4, seq: A" in " ".join(ran.err.split())
    assert tickdeck.rows("select price, side from ticks order by seq") == [(7.5, -1), (ticks.price[2], None)]
    assert "known 2026-01-05T15:00:00Z (late)" in tickdeck("ticks", "history", "A").out
    whole = path.read_text(encoding="utf-8")
    for wrong, said in (
        (
            whole.replace("correct,", "korrect,"),
            "line 2, field kind: 'korrect' is neither cancel nor correct",
        ),
        (whole.replace("7.5", "7,5"), "line 2: has more or fewer fields"),
        (whole.replace("7.5,sell", ","), "line 2: nothing to correct"),
        (whole.replace("7.5", "dear"), "line 2, field price: 'dear' is no number"),
        (whole.replace(",99,", ",x9,"), "line 4, field seq: 'x9' is no whole number"),
        (whole.replace("reason", "why"), "line 1, field why: is no column of a correction"),
    ):
        path.write_text(wrong, encoding="utf-8")
        ran = tickdeck("ticks", "apply", path)
        assert ran.code == 1
        assert said in " ".join(ran.err.split())
    assert tickdeck.rows("select count(*) from tick_history") == [(2,)]
