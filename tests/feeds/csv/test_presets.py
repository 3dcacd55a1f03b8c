"""Each preset reads a sample of its vendor's layout; those with a header of their own are recognised by it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tickdeck.db.market.types import UPDATES_ALL, UPDATES_VOLUME, concat, from_us
from tickdeck.feeds.csv.options import CsvOptions, parse_options
from tickdeck.feeds.csv.presets import presets
from tickdeck.feeds.csv.reader import CsvReader
from tickdeck.feeds.errors import FileError

NEW_YORK = "America/New_York"
# Name of the file, content, options besides the preset, the first tick: time, symbol, seq, price, size.
SAMPLES: dict[str, tuple[str, str, CsvOptions, tuple[str, str, int, float, float]]] = {
    "binance-trades": (
        "BTCUSDT-trades-2025-01-01.csv", "7,93576.01,0.5,46788,1735689600010866,True,True\n", CsvOptions(),
        ("2025-01-01T00:00:00.010866", "BTCUSDT", 7, 93576.01, 0.5),
    ),
    "binance-aggtrades": (
        "ETHUSDT-aggTrades-2024-12.csv", "9,3333.5,2,1,1,1735603200123,false,true\n", CsvOptions(),
        ("2024-12-31T00:00:00.123", "ETHUSDT", 9, 3333.5, 2),
    ),
    "kraken": ("XBTUSD.csv", "1696118400.1234,26967.1,0.5\n", CsvOptions(), ("2023-10-01T00:00:00.1234", "XBTUSD", 1, 26967.1, 0.5)),
    "coinbase": (
        "trades.csv", "time,trade_id,price,size,side\n2024-01-02T14:30:00.5Z,5,44000.01,0.25,buy\n",
        parse_options(symbol="BTC-USD"), ("2024-01-02T14:30:00.5", "BTC-USD", 5, 44000.01, 0.25),
    ),
    "bybit": (
        "BTCUSDT2024-01-02.csv",
        ("timestamp,symbol,side,size,price,tickDirection,trdMatchID,grossValue\n"
        "1704205800.1234,BTCUSDT,Sell,0.012,44000.5,MinusTick,0a1b-7,1\n"), CsvOptions(),
        ("2024-01-02T14:30:00.1234", "BTCUSDT", 1, 44000.5, 0.012),
    ),
    "bybit-spot": (
        "BTCUSDT_2024-01-02.csv", "id,timestamp,price,volume,side\n1,1704205800123,44000.5,0.012,sell\n", CsvOptions(),
        ("2024-01-02T14:30:00.123", "BTCUSDT", 1, 44000.5, 0.012),
    ),
    "bitfinex": (
        "t.csv", "ID,MTS,AMOUNT,PRICE\n44,1704205800123,-0.5,44000\n", parse_options(symbol="BTCUSD"),
        ("2024-01-02T14:30:00.123", "BTCUSD", 44, 44000, 0.5),
    ),
    "tardis-trades": (
        "t.csv", "exchange,symbol,timestamp,local_timestamp,id,side,price,amount\nb,X,1704067200123456,1704067200130001,3,buy,42.5,2\n",
        CsvOptions(), ("2024-01-01T00:00:00.123456", "X", 3, 42.5, 2),
    ),
    "cryptodatadownload": (
        "t.csv", "https://www.CryptoDataDownload.com\nunix,date,symbol,price,amount\n1704067260,2024-01-01 00:01:00,BTC/USD,42300,1.5\n",
        CsvOptions(), ("2024-01-01T00:01:00", "BTC/USD", 1, 42300, 1.5),
    ),
    "databento": (
        "t.csv", ("ts_event,rtype,publisher_id,instrument_id,action,side,price,size,sequence,symbol\n"
        "1704205800000123456,0,1,5602,T,B,4780250000000,3,77,ESH4\n"), CsvOptions(),
        ("2024-01-02T14:30:00.000123", "ESH4", 1, 4780.25, 3),
    ),
    "polygon-trades": (
        "t.csv", ("ticker,conditions,correction,exchange,id,participant_timestamp,price,sequence_number,sip_timestamp,size\n"
        'SPY,"12,37",0,11,1,1704205800000000000,470.25,99,1704205800000123456,100\n'), CsvOptions(),
        ("2024-01-02T14:30:00.000123", "SPY", 99, 470.25, 100),
    ),
    "taq-daily": (
        "EQY_US_ALL_TRADE_20240102.csv",
        ("Time|Exchange|Symbol|Sale Condition|Trade Volume|Trade Price|Trade Correction Indicator|Sequence Number\n"
        "093000012345678|N|BRK A|@|1|545000.5|00|7\n"), CsvOptions(), ("2024-01-02T14:30:00.012345", "BRK.A", 7, 545000.5, 1),
    ),
    "taq-monthly": (
        "t.csv", "SYMBOL,DATE,TIME,PRICE,SIZE,G127,CORR,COND,EX\nIBM,20100104,9:30:01,130.5,100,0,0,F,N\n", CsvOptions(),
        ("2010-01-04T14:30:01", "IBM", 1, 130.5, 100),
    ),
    "wrds": (
        "t.csv", "DATE,TIME_M,EX,SYM_ROOT,SYM_SUFFIX,TR_SCOND,SIZE,PRICE,TR_CORR,TR_SEQNUM\n20240102,9:30:00.1,N,BRK,B,@,1,358.5,00,4\n",
        CsvOptions(), ("2024-01-02T14:30:00.1", "BRK.B", 4, 358.5, 1),
    ),
    "lean": (
        "20240102_trade.csv", "34200123,1871500,100,Q,0,0\n", parse_options(symbol="AAPL", time_zone=NEW_YORK),
        ("2024-01-02T14:30:00.123", "AAPL", 1, 187.15, 100),
    ),
    "lobster": (
        "AMZN_2012-06-21_34200000_57600000_message_5.csv",
        "34200.017459617,1,1,10,2239500,-1\n34200.189607670,4,11885113,21,2238100,1\n34200.2,4,11885114,20,2238200,1\n", CsvOptions(),
        ("2012-06-21T13:30:00.189607", "AMZN", 1, 223.81, 21),
    ),
    "dukascopy": (
        "EURUSD_Ticks_02.01.2024.csv", "Gmt time,Ask,Bid,AskVolume,BidVolume\n02.01.2024 00:00:00.123,1.10432,1.1043,1,1\n", CsvOptions(),
        ("2024-01-02T00:00:00.123", "EURUSD", 1, 1.10431, 0),
    ),
    "truefx": ("t.csv", "EUR/USD,20240102 00:00:00.123,1.10432,1.10435\n", CsvOptions(), ("2024-01-02T00:00:00.123", "EUR/USD", 1, 1.104335, 0)),
    "histdata": (
        "DAT_ASCII_EURUSD_T_202401.csv", "20240102 000000123,1.104300,1.104320,0\n", CsvOptions(),
        ("2024-01-02T05:00:00.123", "EURUSD", 1, 1.10431, 0),
    ),
    "mt5": (
        "EURUSD_202401020000_202401022359.csv",
        "<DATE>\t<TIME>\t<BID>\t<ASK>\t<LAST>\t<VOLUME>\t<FLAGS>\n2024.01.02\t00:00:01.234\t1.1\t1.2\t\t\t6\n",
        parse_options(time_zone="UTC"), ("2024-01-02T00:00:01.234", "EURUSD", 1, 1.15, 0),
    ),
    "mt5-python": (
        "t.csv", ",time,bid,ask,last,volume,time_msc,flags\n0,1704153601,100.1,100.2,100.15,10,1704153601234,56\n",
        parse_options(symbol="S"), ("2024-01-02T00:00:01.234", "S", 1, 100.15, 10),
    ),
    "mt5-python-real": (
        "t.csv", ",time,bid,ask,last,volume,time_msc,flags,volume_real\n0,1704153601,100.1,100.2,100.15,0,1704153601234,56,0.5\n",
        parse_options(symbol="S"), ("2024-01-02T00:00:01.234", "S", 1, 100.15, 0.5),
    ),
    "ninjatrader": (
        "ES 03-24.Last.txt", "20240102 093000 1230000;4780.25;4780;4780.25;3\n", parse_options(time_zone=NEW_YORK),
        ("2024-01-02T14:30:00.123", "ES 03-24", 1, 4780.25, 3),
    ),
    "sierra": (
        "t.txt", ("Date, Time, Open, High, Low, Last, Volume, NumberOfTrades, BidVolume, AskVolume\n"
        "2024/1/2, 14:30:00.123456, 0.00, 4780.50, 4780.25, 4780.50, 2, 1, 0, 2\n"), parse_options(symbol="ES", time_zone="UTC"),
        ("2024-01-02T14:30:00.123456", "ES", 1, 4780.5, 2),
    ),
    "kibot": ("t.txt", "01/02/2024,09:30:00,470.25,470.24,470.26,100\n", parse_options(symbol="SPY"), ("2024-01-02T14:30:00", "SPY", 1, 470.25, 100)),
    "firstrate": ("t.txt", "time,price,volume\n2024-01-02 09:30:00.123,470.25,100\n", parse_options(symbol="SPY"), ("2024-01-02T14:30:00.123", "SPY", 1, 470.25, 100)),
}  # fmt: skip

SIDES = {
    "binance-trades": "sell",
    "binance-aggtrades": "buy",
    "coinbase": "sell",
    "bybit": "sell",
    "bybit-spot": "sell",
    "bitfinex": "sell",
    "tardis-trades": "buy",
    "databento": "buy",
    "lobster": "sell",
}
"""Who took the price in the first tick of a sample, where the layout says so."""


@pytest.mark.parametrize("name", presets())
@pytest.mark.parametrize("by_name", [True, False])
def test_a_sample_of_each_layout_is_read(tmp_path: Path, name: str, by_name: bool) -> None:
    file, content, options, (time, symbol, seq, price, size) = SAMPLES[name]
    preset = presets()[name]
    if not by_name and not (preset.header or preset.own_name):
        pytest.skip("could be another's layout as well, so that it is not recognised")
    path = tmp_path / file
    path.write_text(content, encoding="utf-8")

    reader = CsvReader(path, replace(options, preset=name) if by_name else options)
    ticks = concat([batch.ticks for batch in reader])
    assert reader.facts is not None
    assert f"preset {name})" in " ".join(reader.facts.assumptions())
    shown = from_us(int(ticks.time_us[0])).replace(tzinfo=None)
    assert shown == np.datetime64(time, "us").astype(object)
    assert (ticks.symbol[0], ticks.seq[0], ticks.price[0], ticks.size[0]) == (symbol, seq, price, size)
    assert ticks.side_names()[0] == SIDES.get(name)


def test_conditions_in_the_numbers_of_a_layout(tmp_path: Path) -> None:
    path = tmp_path / "trades.csv"
    head = "ticker,conditions,correction,exchange,id,participant_timestamp,price,sequence_number,sip_timestamp,size"
    rows = [
        f'SPY,"{each}",0,11,1,1704205800000000000,470.25,{n},1704205800000123456,100'
        for n, each in enumerate(["2", "14,41", ""])
    ]
    path.write_text("\n".join([head, *rows, ""]), encoding="utf-8")
    (batch,) = CsvReader(path, CsvOptions())
    assert batch.ticks.updates is not None
    assert batch.ticks.updates.tolist() == [UPDATES_VOLUME, UPDATES_ALL, UPDATES_ALL]
    assert batch.ticks.conditions is not None
    assert batch.ticks.conditions.tolist() == ["2", "14,41", None]


@pytest.mark.parametrize("quotes", ["Bid", "Ask"])
def test_quotes_of_ninjatrader_are_no_trades(tmp_path: Path, quotes: str) -> None:
    """They are in the layout of its trades; only the file's name tells."""
    path = tmp_path / f"ES 03-24.{quotes}.txt"
    path.write_text("20240102 093000 1230000;4780.25;4780;4780.25;3\n", encoding="utf-8")
    given = parse_options(preset="ninjatrader", time_zone="UTC", symbol="ES")
    with pytest.raises(FileError, match=r"by its name, not trades.*\(Last\)"):
        list(CsvReader(path, given))
    (batch,) = CsvReader(path, replace(given, all_rows=True))
    assert batch.ticks.price.tolist() == [4780.25]


def test_hidden_executions_of_lobster_have_no_side(tmp_path: Path) -> None:
    path = tmp_path / "AMZN_2015-06-22_34200000_57600000_message_5.csv"
    path.write_text("34200.1,4,7,21,2238100,1\n34200.2,5,0,20,2238200,1\n34200.3,4,8,20,2238200,-1\n")
    (batch,) = CsvReader(path, CsvOptions())
    assert batch.ticks.side is not None
    assert batch.ticks.side.tolist() == [-1, 0, 1]


@pytest.mark.parametrize("name", ["firstrate", "cryptodatadownload"])
def test_a_layout_from_memory_is_not_taken_without_a_header(tmp_path: Path, name: str) -> None:
    file, content, options, _ = SAMPLES[name]
    (tmp_path / file).write_text(content.splitlines()[-1] + "\n")
    with pytest.raises(FileError, match="with --columns NAME"):
        list(CsvReader(tmp_path / file, replace(options, preset=name)))
    with pytest.raises(FileError) as told:
        list(CsvReader(tmp_path / file, replace(options, preset=None)))
    assert name not in str(told.value), "it is no advice either"


def test_what_a_layout_was_compared_with_is_said(tmp_path: Path) -> None:
    assert {preset.checked for preset in presets().values()} == {"source", "files", "memory"}
    for name in ("firstrate", "lean"):
        file, content, options, _ = SAMPLES[name]
        (tmp_path / file).write_text(content)
        reader = CsvReader(tmp_path / file, replace(options, preset=name))
        list(reader)
        assert reader.facts is not None
        assert any("from memory" in each for each in reader.facts.assumptions()) == (name == "firstrate")
