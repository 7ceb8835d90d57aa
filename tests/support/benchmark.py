"""What `make bench` measured: rows of a table that is printed, and kept for docs/performance.

A row compares two ways of one piece of work, measured in turn in one run. The ratio counts: machines differ.
"""

import json
import os
import platform
import statistics
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from time import perf_counter, process_time
from typing import Any, Literal

from core.adapters.local.process import count_cores

ROOT = Path(__file__).resolve().parents[2]
MEASURED = ROOT / "docs" / "performance" / "measured.json"
TABLE = ROOT / "docs" / "performance" / "table.inc"
RUNS = int(os.environ.get("BENCH_RUNS", "3"))  # at least three for a table that is kept
_PACKAGES = ("torch", "onnxruntime", "sentence-transformers", "transformers", "qdrant-edge-py", "faiss-cpu", "obstore")

Unit = Literal["ms", "s", "µs", "MB", "GB", "1/s", "recall"]
_MORE_IS_BETTER = ("1/s", "recall")


@dataclass(frozen=True, slots=True)
class Row:
    """A piece of work with the figures of every run: `ours`, and those of a `peer`, each in `unit`.

    `limit` is what was asked for: a ratio to the peer ("2 ×"), or a figure of our own ("40 ms").
    """

    group: str
    work: str
    unit: Unit
    ours: tuple[float, ...]
    peer: str = ""
    theirs: tuple[float, ...] = ()
    limit: str = ""

    @property
    def ratio(self) -> float | None:
        """How many times better ours is than the peer's, by medians; None without a peer."""
        if not self.theirs:
            return None
        ours, theirs = statistics.median(self.ours), statistics.median(self.theirs)
        return ours / theirs if self.unit in _MORE_IS_BETTER else theirs / ours


_rows: list[Row] = []


def record(row: Row) -> None:
    """Add a row to the table of this run."""
    _rows.append(row)


def in_turn(
    ours: Callable[[], float], theirs: Callable[[], float], runs: int = RUNS
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Measure two ways in turn, each once before it counts: a machine's speed drifts. Each call returns its figure."""
    ours()
    theirs()
    pairs = [(ours(), theirs()) for _ in range(runs)]
    return tuple(one for one, _ in pairs), tuple(other for _, other in pairs)


def time_wall(work: Callable[[], object]) -> float:
    """Measure a call in seconds by the clock."""
    began = perf_counter()
    work()
    return perf_counter() - began


def time_cpu(work: Callable[[], object]) -> float:
    """Measure a call in seconds of this process's CPU, all threads together."""
    began = process_time()
    work()
    return process_time() - began


def render(rows: Iterable[Row]) -> str:
    """Render rows as a Markdown table, groups in the order of their first row."""
    lines = [
        "| | work | BucketLens | compared with | | ratio | wanted |",
        "| --- | --- | --: | --- | --: | --: | --: |",
    ]
    ordered = list(rows)
    groups = dict.fromkeys(row.group for row in ordered)
    for row in (row for group in groups for row in ordered if row.group == group):
        ratio = "" if row.ratio is None else f"{row.ratio:.2f} ×"
        lines.append(
            f"| {row.group} | {row.work} | {_tell(row.ours, row.unit)} | {row.peer} | {_tell(row.theirs, row.unit)} "
            f"| {ratio} | {row.limit} |"
        )
    return "\n".join(lines)


def report() -> str:
    """Merge this run's rows into what was measured before, write both files, and return this run's table."""
    if not _rows:
        return ""
    kept: dict[str, Any] = json.loads(MEASURED.read_text(encoding="utf-8")) if MEASURED.is_file() else {}
    for row in _rows:
        kept[f"{row.group}: {row.work}"] = asdict(row) | {"machine": describe_machine()}
    MEASURED.parent.mkdir(parents=True, exist_ok=True)
    MEASURED.write_text(json.dumps(kept, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    machines = sorted({entry["machine"] for entry in kept.values()})
    table = render(_read_row(entry) for entry in kept.values())
    TABLE.write_text("\n".join([table, "", *(f"- {machine}" for machine in machines)]) + "\n", encoding="utf-8")
    return f"{render(_rows)}\n\n{describe_machine()}"


def describe_machine() -> str:
    """Describe this machine, with the versions of what computes."""
    flags = _read_processor("flags")
    told = [name for name in ("amx_bf16", "avx512_bf16", "avx512f", "avx2") if f" {name}" in flags]
    packages = ", ".join(f"{name} {found}" for name in _PACKAGES if (found := _find_version(name)))
    model = _read_processor("model name").partition(":")[2].strip() or platform.machine()
    return f"{model}, {count_cores()} cores ({', '.join(told[:2])}), Python {platform.python_version()}, {packages}"


def _tell(figures: Sequence[float], unit: Unit) -> str:
    if not figures:
        return ""
    median = statistics.median(figures)
    return (
        f"{median:.3f}"
        if unit == "recall"
        else f"{median:,.{0 if median >= 100 else 1 if median >= 10 else 2}f} {unit}"
    )


def _read_row(entry: dict[str, Any]) -> Row:
    given = {name: tuple(value) if isinstance(value, list) else value for name, value in entry.items()}
    del given["machine"]
    return Row(**given)


def _read_processor(field: str) -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return ""
    return next((line for line in lines if line.startswith(field)), "")


def _find_version(package: str) -> str | None:
    try:
        return version(package)
    except ModuleNotFoundError:
        return None
