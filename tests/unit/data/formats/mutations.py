"""Good files of every format, changed by chance: `python -m tests.unit.data.formats.mutations --count 50000`.

Each has to be read, refused, or failed with its places, within seconds, and in little memory. The work is done by
another process, so that one that dies is noticed, with the file that did it.
"""

import argparse
import collections
import gc
import gzip
import multiprocessing
import random
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa

from steepest.spec.ingest import IngestOptions
from tests.unit.data.formats import samples
from tests.unit.data.formats.feeding import MOST_GROWTH, Fed, feed

SECONDS: Final = 10.0
"""After so long without an answer a file counts as one that hangs."""

STARTING_SECONDS: Final = 300.0
READY: Final = "ready"

_MEMORY: Final = Path("/dev/shm")

_SIZES: Final = (
    0,
    1,
    127,
    128,
    255,
    256,
    0x7FFF,
    0x8000,
    0xFFFF,
    0x7FFFFFFF,
    0x80000000,
    0xFFFFFFFF,
    2**63 - 1,
    2**64 - 1,
)
_TOKENS: Final = (
    *(b"\0", b'"', b"\n", b"\r", b",", b"\t", b"\xff", b"\xef\xbb\xbf", b"\x1a", b"1e999", b"nan", b"-inf", b"{", b"}"),
    *(b"[", b"]", b":", b"\\u0000", b"\\ud800", b"PK\x03\x04", b"PK\x01\x02", b"PAR1", b"ARROW1", b"\x1f\x8b"),
)


@cache
def seeds() -> Mapping[str, tuple[bytes, str | None, IngestOptions | None]]:
    """Good files by name, with their declared type and options."""
    table = pa.table(
        {
            "n": [None if index == 3 else index / 2 for index in range(40)],
            "whole": pa.array(range(40), pa.int32()),
            "flag": [index % 3 == 0 for index in range(40)],
            "day": pa.array(range(40), pa.timestamp("ms")),
            "label": ["é" if index % 2 else None for index in range(40)],
        }
    )
    text = "n,whole,label\n" + "".join(f'{index / 2},{index},"a ""{index % 3}"""\n' for index in range(40))
    lines = "".join(f'{{"n": {index / 2}, "flag": true, "label": "é{index % 3}"}}\n' for index in range(40))
    coded = table.set_column(4, "label", table["label"].dictionary_encode())
    X, y = np.arange(60.0).reshape(20, 3), np.array(["a", "b"] * 10)
    images, labels = samples.idx(np.arange(120, dtype=">u1").reshape(10, 4, 3)), samples.idx(np.arange(10, dtype=">u1"))
    pair = IngestOptions(parts={"features": len(images), "labels": len(labels)})
    eye = samples.picture(np.eye(9, dtype=np.uint8))
    plain: dict[str, tuple[bytes, str | None, IngestOptions | None]] = {
        "csv": (text.encode(), "text/csv", None),
        "csv in utf-16": (text.encode("utf-16"), "text/csv", None),
        "tsv": (text.replace(",", "\t").encode("latin-1"), None, None),
        "jsonl": (lines.encode(), None, None),
        "parquet": (samples.parquet(table, row_group_size=25), None, None),
        "parquet zstd": (samples.parquet(table, compression="zstd", data_page_version="2.0"), None, None),
        "parquet plain": (samples.parquet(table, compression="none", use_dictionary=False), None, None),
        "arrow file": (samples.arrow(table, rows=15), None, None),
        "arrow stream": (samples.arrow(coded, stream=True, rows=15), None, None),
        "arrow lz4": (samples.arrow(table, compression="lz4"), None, None),
        "npz": (samples.npz(X=X, y=y), None, None),
        "npz deflated": (samples.npz(True, X=X, y=y), None, None),
        "npy": (samples.npy(X), None, None),
        "idx": (images + labels, "application/x-idx", pair),
        "png": (samples.pictures(4), None, None),
        "jpeg": (samples.pictures(4, (8, 8, 3), "JPEG"), None, IngestOptions(image_size="5x4")),
        "png deflated": (samples.zipped(dict.fromkeys(("a/1.png", "b/2.png"), eye), zipfile.ZIP_DEFLATED), None, None),
    }  # fmt: skip
    packed: dict[str, tuple[bytes, str | None, IngestOptions | None]] = {
        f"{name} in {packer}": (samples.PACKERS[packer](plain[name][0]), plain[name][1], None)
        for name in ("csv", "jsonl", "parquet", "npz", "npy")
        for packer in ("gzip", "zstd")
    }
    pieces = gzip.compress(images), samples.zstd(labels)
    packed["idx packed"] = (
        b"".join(pieces), None, IngestOptions(parts={"features": len(pieces[0]), "labels": len(pieces[1])})
    )  # fmt: skip
    return {**plain, **packed}


def mutated(content: bytes, draw: random.Random) -> bytes:
    """The content with a few changes."""
    made = bytearray(content)
    for _ in range(draw.choice((1, 1, 1, 2, 3, 8))):
        _CHANGES[draw.randrange(len(_CHANGES))](made, draw)
    return bytes(made)


def _place(made: bytearray, draw: random.Random) -> int:
    """Anywhere, and more often near the ends, where headers and footers are."""
    if not made:
        return 0
    near = min(len(made), 64)
    return draw.choice((draw.randrange(len(made)), draw.randrange(near), len(made) - 1 - draw.randrange(near)))


def _flip(made: bytearray, draw: random.Random) -> None:
    if made:
        made[_place(made, draw)] ^= 1 << draw.randrange(8)


def _set(made: bytearray, draw: random.Random) -> None:
    if made:
        made[_place(made, draw)] = draw.randrange(256)


def _size(made: bytearray, draw: random.Random) -> None:
    width = draw.choice((1, 2, 4, 8))
    value = draw.choice(_SIZES) % (1 << 8 * width)
    place = _place(made, draw)
    made[place : place + width] = value.to_bytes(width, draw.choice(("little", "big")))


def _insert(made: bytearray, draw: random.Random) -> None:
    place = _place(made, draw)
    made[place:place] = draw.choice((draw.choice(_TOKENS), draw.randbytes(draw.randrange(1, 40))))


def _remove(made: bytearray, draw: random.Random) -> None:
    place = _place(made, draw)
    del made[place : place + draw.choice((1, 2, 4, 8, 100))]


def _repeat(made: bytearray, draw: random.Random) -> None:
    place = _place(made, draw)
    piece = made[place : place + draw.choice((1, 4, 64))]
    made[place:place] = piece * draw.choice((1, 2, 500))


def _cut(made: bytearray, draw: random.Random) -> None:
    del made[_place(made, draw) :]


def _move(made: bytearray, draw: random.Random) -> None:
    start, place = _place(made, draw), _place(made, draw)
    piece = made[start : start + draw.choice((4, 16, 200))]
    made[place : place + len(piece)] = piece


_CHANGES: Final[tuple[Callable[[bytearray, random.Random], None], ...]] = (
    *(_flip, _flip, _set, _set, _size, _size, _insert, _remove, _repeat, _cut, _move),
)


def case(number: int, seed: int) -> tuple[str, bytes, str | None, IngestOptions | None]:
    """The changed file of a number: its name, content, declared type and options."""
    draw = random.Random(f"{seed} {number}")
    names = list(seeds())
    name = names[number % len(names)]
    content, declared, options = seeds()[name]
    plain, _, packer = name.partition(" in ")
    if packer in samples.PACKERS and draw.random() < 0.5:
        content = samples.PACKERS[packer](mutated(seeds()[plain][0], draw))  # else hardly one would be unpacked
    else:
        content = mutated(content, draw)
    if options and options.parts:
        features = min(options.parts["features"], len(content))
        options = IngestOptions(parts={"features": features, "labels": len(content) - features})
    return name, content, draw.choice((declared, None)), options


def _serve(pipe: Connection, seed: int) -> None:
    where = str(_MEMORY) if _MEMORY.is_dir() else None  # a disk would take most of the time
    with tempfile.TemporaryDirectory(prefix="steepest-mutations-", dir=where) as folder:
        tempfile.tempdir = folder
        feed(b"a\n1\n", Path(folder) / "warm-up")  # what is imported and built once counts for no file
        gc.freeze()  # what is there now need not be looked through after each file
        pipe.send(READY)
        while (number := pipe.recv()) is not None:
            name, content, declared, options = case(number, seed)
            try:
                pipe.send(feed(content, Path(folder) / "case", declared, None, options))
            except BaseException as error:  # noqa: BLE001, RUF100 (told, not hidden)
                pipe.send(f"{name}: {type(error).__name__}: {error}"[:2_000])


class Feeder:
    """A process that is fed file after file, and replaced when it dies or hangs."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._start()

    def feed(self, number: int) -> tuple[Fed | str, float]:
        """What became of a file, or what went wrong, and the seconds it took."""
        began = time.monotonic()
        self._pipe.send(number)
        try:
            if self._pipe.poll(SECONDS):
                return self._pipe.recv(), time.monotonic() - began
            wrong = f"no answer within {SECONDS:g} s"
        except EOFError:
            self._process.join()
            wrong = f"the process died with {self._process.exitcode}"
        self.close()
        self._start()
        return f"{case(number, self._seed)[0]}: {wrong}", time.monotonic() - began

    def close(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.join()
        self._pipe.close()

    def _start(self) -> None:
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(theirs, self._seed), daemon=True)
        self._process.start()
        theirs.close()
        if not self._pipe.poll(STARTING_SECONDS) or self._pipe.recv() != READY:
            raise RuntimeError("the process that reads the files does not start")


def run(count: int, seed: int, first: int = 0) -> Iterator[tuple[int, Fed | str, float]]:
    """Number, outcome and seconds of each file."""
    feeder = Feeder(seed)
    try:
        for number in range(first, first + count):
            yield number, *feeder.feed(number)
    finally:
        feeder.close()


def main(arguments: list[str]) -> int:
    """Feed them all and tell what became of them; 1 when one went wrong."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=50_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--first", type=int, default=0)
    asked = parser.parse_args(arguments)
    outcomes: collections.Counter[tuple[str, str]] = collections.Counter()
    names = list(seeds())
    wrong = 0
    slowest, largest = (0.0, 0), (0, 0)
    for number, found, seconds in run(asked.count, asked.seed, asked.first):
        outcome: Any = found.outcome if isinstance(found, Fed) else "WRONG"
        growth = found.growth if isinstance(found, Fed) else 0
        if outcome == "WRONG" or growth > MOST_GROWTH:
            wrong += 1
            print(f"{number}: {found} ({growth >> 20} MiB)", file=sys.stderr, flush=True)
        outcomes[names[number % len(names)], outcome] += 1
        slowest, largest = max(slowest, (seconds, number)), max(largest, (growth, number))
    for name in names:
        print(f"{name:20}", *(f"{outcomes[name, outcome]:6} {outcome}" for outcome in ("ready", "failed", "refused")))
    print(f"slowest {slowest[0]:.2f} s (number {slowest[1]}), most memory {largest[0] >> 20} MiB (number {largest[1]})")
    print(f"{asked.count:,} files, {wrong:,} went wrong")
    return int(wrong > 0)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
