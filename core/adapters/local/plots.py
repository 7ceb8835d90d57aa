"""The only importer of matplotlib: search results and evaluations as figures, without any state of pyplot."""

import io
from collections.abc import Sequence

from PIL import Image

from core.errors import PackageMissing

try:
    from matplotlib.figure import Figure
except ImportError as error:
    raise PackageMissing("matplotlib", "a plot", "plots") from error

from core.domain.result import Hit
from core.evaluation.metrics import Figures
from core.rendering.html_grid import format_label
from core.text.sanitize import plain

_CELL = 2.6  # inches
_LETTERS = 34  # of a caption, in a line under its picture
_BARS = (("ndcg_at_10", "nDCG@10", "#0f766e"), ("recall_at_1", "R@1", "#a8a29e"))


class MatplotlibPlots:
    def pictures(self, hits: Sequence[tuple[Hit, bytes | None]], columns: int) -> Figure:
        """A grid of thumbnails (JPEG; None: an empty field) under what is said of them."""
        columns = max(1, min(columns, len(hits)))
        rows = max(1, -(-len(hits) // columns))
        figure = Figure(figsize=(_CELL * columns, _CELL * 1.2 * rows), layout="constrained")
        for place, (hit, jpeg) in enumerate(hits, 1):
            axes = figure.add_subplot(rows, columns, place)
            axes.set_axis_off()
            if jpeg is not None:
                axes.imshow(Image.open(io.BytesIO(jpeg), formats=["JPEG"]).convert("RGB"))
            said = plain(hit.record.caption or hit.record.name)
            said = said if len(said) <= _LETTERS else said[: _LETTERS - 1] + "…"
            axes.set_title(f"{said}\n{format_label(hit)}", fontsize=8, parse_math=False)
        return figure

    def evaluation(self, rows: Sequence[tuple[str, Figures]], title: str) -> Figure:
        """nDCG@10 and R@1 of every weighing, as bars beside each other, the first at the top."""
        figure = Figure(figsize=(7.5, 1.2 + 0.38 * len(rows)), layout="constrained")
        axes = figure.add_subplot()
        for n, (name, shown, colour) in enumerate(_BARS):
            places = [place + 0.38 * n for place in range(len(rows))]
            axes.barh(places, [getattr(one, name) for _, one in rows], 0.36, label=shown, color=colour)
        axes.set_yticks([place + 0.19 for place in range(len(rows))], [name for name, _ in rows], parse_math=False)
        axes.invert_yaxis()
        axes.set_xlim(0, 1)
        axes.grid(axis="x", alpha=0.3)
        axes.set_title(title, fontsize=10, parse_math=False)
        axes.legend(loc="lower left", fontsize=8)
        return figure
