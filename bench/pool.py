"""What a pool of workspaces costs beside git itself: `make bench-pool`, or `python -m bench.pool --markdown PAGE`.

Everything is measured in one run, in turns, so that a slow minute hits both sides; a figure is the median of the rounds, its ratio the
median of the rounds' ratios. The repositories are made here. Nothing talks to a network.
"""

from __future__ import annotations

import argparse
import os
import platform
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.pool_load import PROCESSES, run_load
from bench.pool_repository import git, make_repository
from yaoki.systems.repopool import PoolConfig, PoolManager

__all__ = ["Figure", "main"]

SMALL, LARGE = 240, 2400


@dataclass(frozen=True)
class Figure:
    """One line of the table. `value`: in words. `limit`: the target of `ratio`; None if there is none."""

    title: str
    value: str
    ratio: float | None = None
    limit: float | None = None

    @property
    def verdict(self) -> str:
        """Whether the target is met."""
        if self.limit is None or self.ratio is None:
            return ""
        return "met" if self.ratio <= self.limit else "**missed**"

    def cells(self) -> list[str]:
        ratio = "" if self.ratio is None else f"{self.ratio:.2f}"
        return [self.title, self.value, ratio, "" if self.limit is None else f"≤ {self.limit:g}", self.verdict]


def took(work: Callable[[], object]) -> float:
    """Seconds of one call, on a disk that has written what came before: a call that syncs would wait for the others' files as well."""
    os.sync()
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def _middle(measure: Callable[[], float], times: int) -> float:
    """Seconds of one of so many measurements, the middle one."""
    return statistics.median(measure() for _ in range(times))


def _usual(work: Callable[[], object]) -> float:
    """For what is so short that a glance of another process disturbs it."""
    return _middle(lambda: took(work), 5)


def ms(seconds: float) -> str:
    return f"{seconds * 1e3:.1f} ms"


class OneSize:
    """A pool over one repository, beside a plain clone of it."""

    def __init__(self, folder: Path, files: int) -> None:
        self.folder = folder / str(files)
        self.files = files
        self.origin = make_repository(self.folder / "origin", files)
        self.plain = self.folder / "plain"
        git(self.folder, "clone", "--quiet", str(self.origin), str(self.plain))
        self.manager = PoolManager(PoolConfig(self.folder / "pools"))
        self.manager.create_pool("web", str(self.origin), 1)
        # Marks of files that are as young as the look at them prove nothing yet.
        time.sleep(0.1)
        self.rounds: dict[str, list[float]] = {}

    def measure(self, rounds: int) -> None:
        """Each in turn."""
        works: list[tuple[str, Callable[[], float]]] = [
            ("status", self.status),
            ("lease", self.lease),
            ("worktree add", self.worktree_add),
            ("small change", self.small_change),
            ("dirty release", self.dirty_release),
            ("reset and clean", self.reset_and_clean),
            # What makes many files waits for the disk by chance.
            ("clone --shared", lambda: _middle(self.clone_shared, 3)),
            ("recovery", lambda: _middle(self.recovery, 3)),
        ]
        for number in range(rounds + 1):
            for name, work in works:
                seconds = work()
                if number:
                    self.rounds.setdefault(name, []).append(seconds)

    def status(self) -> float:
        return _usual(lambda: git(self.plain, "status", "--porcelain"))

    def lease(self) -> float:
        # What was made anew this very second is looked at more closely, by git as well as by us.
        time.sleep(1.0)
        self.manager.allocate_slot("web").release()
        return _usual(lambda: self.manager.allocate_slot("web").release())

    def worktree_add(self) -> float:
        place = str(self.folder / "linked")
        seconds = took(lambda: git(self.plain, "worktree", "add", "--quiet", "--detach", place))
        git(self.plain, "worktree", "remove", "--force", place)
        return seconds

    def small_change(self) -> float:
        """5 files changed, 5 new."""
        slot = self.manager.allocate_slot("web")
        _change(slot.slot_path, 5, 5, 0)
        return took(slot.release)

    def dirty_release(self) -> float:
        """20 files changed, 50 new, 500 that git ignores."""
        slot = self.manager.allocate_slot("web")
        _change(slot.slot_path, 20, 50, 500)
        return took(slot.release)

    def reset_and_clean(self) -> float:
        """The same in a plain clone, where nothing is kept."""
        _change(self.plain, 20, 50, 500)

        def clean() -> None:
            git(self.plain, "reset", "--quiet", "--hard")
            git(self.plain, "clean", "-ffdxq")

        return took(clean)

    def clone_shared(self) -> float:
        place = self.folder / "shared"
        # Before, as for the recovery: a disk is slower after many files were removed.
        shutil.rmtree(place, ignore_errors=True)
        mirror = self.manager.quarantine("web").layout.mirror
        return took(lambda: git(self.folder, "clone", "--quiet", "--shared", str(mirror), str(place)))

    def recovery(self) -> float:
        """The slot is gone from the disk, and so is the remote."""
        slot = self.manager.get_pool("web").slots[0]
        shutil.rmtree(slot.slot_path)
        hidden = self.origin.rename(self.origin.with_name("hidden"))
        seconds = took(lambda: self.manager.recover_slot(slot.slot_id))
        hidden.rename(self.origin)
        if not self.manager.get_pool("web").get_available_slots():
            raise RuntimeError("the slot was not recovered")
        return seconds

    def ratio(self, name: str, base: str) -> float:
        return statistics.median(one / other for one, other in zip(self.rounds[name], self.rounds[base], strict=True))

    def median(self, name: str) -> float:
        return statistics.median(self.rounds[name])

    def disk(self) -> tuple[int, int]:
        """Bytes of one more slot, and of its work tree alone."""
        slot = self.manager.add_slot("web")
        layout = self.manager.quarantine("web").layout
        tree = _bytes(slot.slot_path)
        return tree + _bytes(layout.control / slot.slot_path.name), tree - _bytes(slot.slot_path / ".git")

    def figures(self) -> list[Figure]:
        limit = 0.6 if self.files == SMALL else 0.1
        named = f"{self.files} files"
        more, tree = self.disk()
        shared = _bytes(self.folder / "shared")
        lease, dirty = ms(self.median("lease")), ms(self.median("dirty release"))
        return [
            Figure(f"{named}: one `git status`", ms(self.median("status"))),
            Figure(f"{named}: one `git worktree add`", ms(self.median("worktree add"))),
            Figure(f"{named}: one `git clone --shared`", ms(self.median("clone --shared"))),
            Figure(f"{named}: allocate + release, clean, / status", lease, self.ratio("lease", "status"), 2.0),
            Figure(f"{named}: the same / worktree add", lease, self.ratio("lease", "worktree add"), limit),
            Figure(
                f"{named}: release, 20 changed, 50 new, 500 ignored / status", dirty, self.ratio("dirty release", "status"), 9.0
            ),
            Figure(
                f"{named}: release, 5 changed, 5 new / status",
                ms(self.median("small change")),
                self.ratio("small change", "status"),
                9.0,
            ),
            Figure(
                f"{named}: release, 20, 50, 500 / `git reset` + `git clean`, which keep nothing",
                dirty,
                self.ratio("dirty release", "reset and clean"),
            ),
            Figure(
                f"{named}: recovery without a remote / clone --shared",
                ms(self.median("recovery")),
                self.ratio("recovery", "clone --shared"),
                1.3,
            ),
            Figure(f"{named}: one more slot on the disk / work tree", f"{more / 1e6:.2f} MB", more / tree, 1.03),
            Figure(f"{named}: a `git clone --shared` on the disk / its work tree", f"{shared / 1e6:.2f} MB", shared / tree),
        ]


def _change(tree: Path, changed: int, new: int, ignored: int) -> None:
    for path in sorted(tree.glob("package0/*/*.py"))[:changed]:
        path.write_text(f"changed at {time.time()}\n")
    (tree / "build").mkdir(exist_ok=True)
    for number in range(new):
        (tree / f"new{number}.py").write_text(f"{number} {time.time()}\n")
    for number in range(ignored):
        (tree / "build" / f"{number}.o").write_text(str(number))


def many_processes(folder: Path, origin: Path, *, seconds: float) -> list[Figure]:
    """Eight processes on four slots."""
    manager = PoolManager(PoolConfig(folder / "load"))
    manager.create_pool("load", str(origin), 4)
    manager.create_pool("store", str(origin), PROCESSES)
    time.sleep(0.1)
    load = run_load(folder / "load", seconds=seconds)
    status = statistics.median(load.statuses)
    p50, p99 = (sorted(load.allocations)[int(len(load.allocations) * part)] for part in (0.5, 0.99))
    store = statistics.median(load.store)
    pairs = f"{PROCESSES} processes on 4 slots, {len(load.allocations)} allocations"
    return [
        Figure(f"{pairs}: one `git status` meanwhile", ms(status)),
        Figure("p50 of allocate / that status", ms(p50), p50 / status),
        Figure("p99 of allocate / that status", ms(p99), p99 / status, 6.0),
        Figure(f"{PROCESSES} processes: the store's part of allocate, p50, in ms", f"{store * 1e3:.3f} ms", store * 1e3, 0.3),
    ]


def detection(folder: Path, origin: Path, plain: Path, sizes: Sequence[int], rounds: int) -> list[Figure]:
    """How detection grows with the number of slots."""
    manager = PoolManager(PoolConfig(folder / "detection"))
    manager.create_pool("web", str(origin), 1)
    figures, per_slot = [], []
    for slots in sizes:
        while len(manager.get_pool("web").slots) < slots:
            manager.add_slot("web")
        time.sleep(0.1)
        whole, files, status = [], [], []
        for _ in range(rounds):
            status.append(_usual(lambda: git(plain, "status", "--porcelain")))
            whole.append(took(manager.detect_corrupted_slots))
            files.append(
                took(lambda: [manager._resources.workspace(slot).check(tier=0) for slot in manager.get_pool("web").slots])
            )
        ratio = statistics.median(one / (slots * other) for one, other in zip(whole, status, strict=True))
        tier0 = statistics.median(files) / slots * 1e3
        per_slot.append(statistics.median(whole) / slots)
        figures += [
            Figure(f"{slots} slots: detection / (slots × status)", ms(statistics.median(whole)), ratio, 1.2),
            Figure(f"{slots} slots: tier 0 alone, per slot, in ms", f"{tier0:.2f} ms", tier0, 1.0),
        ]
    growth = per_slot[-1] / per_slot[0]
    return [*figures, Figure(f"detection per slot, {sizes[-1]} slots / {sizes[0]} slots", "", growth, 1.2)]


def _bytes(folder: Path) -> int:
    seen = {(status.st_dev, status.st_ino): status.st_blocks * 512 for status in map(Path.lstat, (folder, *folder.rglob("*")))}
    return sum(seen.values())


_PAGE = """\
# Benchmark of the repo pool

<!-- Written by the command below; do not edit. -->

Made by `python -m bench.pool --rounds {rounds} --seconds {seconds:g} --markdown docs/reference/benchmark-pool.md` with CPython {python} and {git} on {cores} cores,
{rounds} rounds. In every round everything is measured once, in turns, after the disk was synced; a ratio is the median of the rounds'
ratios. Times are those of one machine and one hour; the ratios travel. A clean lease needs no git process; all others run git as a
process, as the baselines do.

| what | figure | ratio | target |  |
| --- | --- | --- | --- | --- |
{rows}

{processes} processes share the cores with the `git status` that they are compared with, and with the work of each other; what they wait
for a slot, which each keeps for 5 ms, is in the figure.

A dirty slot takes three git processes: to tell work from ignored files, to keep it as a commit in one pack, and to bring the files back.
What it removes is renamed, and deleted behind the release. Of a slot's disk space beside its tree most is two indexes, and a block of the
disk for each small file and folder of its `.git`.
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print, and write a page if asked to."""
    parser = argparse.ArgumentParser(prog="python -m bench.pool", description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--seconds", type=float, default=8.0, help="how long the processes work")
    parser.add_argument("--slots", type=int, nargs="+", default=[40, 200])
    parser.add_argument("--markdown", type=Path, help="write the table to this page, too")
    options = parser.parse_args(arguments)
    figures: list[Figure] = []
    with tempfile.TemporaryDirectory(prefix="bench-pool-") as place:
        folder = Path(place)
        sizes = [OneSize(folder, files) for files in (SMALL, LARGE)]
        for size in sizes:
            size.measure(options.rounds)
            figures += size.figures()
        small = sizes[0]
        figures += many_processes(folder, small.origin, seconds=options.seconds)
        figures += detection(folder, small.origin, small.plain, options.slots, max(3, options.rounds // 3))
        said = git(folder, "version").strip()
    for figure in figures:
        title, value, ratio, target, verdict = figure.cells()
        print(f"{title:76}{value:>12}{ratio:>8}{target:>8}  {verdict.strip('*')}")
    if options.markdown is not None:
        rows = "\n".join(f"| {' | '.join(figure.cells())} |" for figure in figures)
        page = _PAGE.format(
            python=platform.python_version(),
            git=said,
            cores=os.cpu_count(),
            rounds=options.rounds,
            seconds=options.seconds,
            rows=rows,
            processes=PROCESSES,
        )
        options.markdown.write_text(page, "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
