"""CMYK without a profile looks as libvips shows it."""

import numpy as np
import pytest
import pyvips
from numpy.typing import NDArray
from PIL import Image

from core.imaging import cmyk
from core.imaging.cmyk import convert_cmyk
from infra.make_cmyk_colours import TABLE, encode_lab, measure_inks


def differences(inks: NDArray[np.uint8]) -> NDArray[np.int_]:
    """Differences of (1, N, 4) inks between libvips and us: (1, N, 3)."""
    shown = pyvips.Image.new_from_array(inks).copy(interpretation="cmyk").colourspace("srgb").numpy()
    ours = np.asarray(convert_cmyk(Image.frombytes("CMYK", (inks.shape[1], 1), inks.tobytes())))
    return np.abs(ours.astype(int) - shown)


def test_inks_look_as_elsewhere() -> None:
    steps = np.linspace(0, 255, 12).astype(np.uint8)  # none of them but the ends are those of the table
    seen = differences(np.stack(np.meshgrid(steps, steps, steps, steps, indexing="ij"), axis=-1).reshape(1, -1, 4))
    assert seen.max() <= 5 and seen.mean() < 0.5


@pytest.mark.parametrize(("exact_pixels", "beyond"), [(2**22, 0), (0, 1e-5)])
def test_random_inks_are_shown_as_libvips_shows_them(
    monkeypatch: pytest.MonkeyPatch, exact_pixels: int, beyond: float
) -> None:
    monkeypatch.setattr(cmyk, "_EXACT", exact_pixels)  # as of a picture that is larger
    seen = differences(np.random.default_rng(1).integers(0, 256, (1, 300_000, 4), dtype=np.uint8))
    assert (seen > 10).mean() <= beyond and seen.mean() < 0.5


def test_the_table_is_what_its_script_makes() -> None:
    assert np.abs(np.load(TABLE).astype(int) - encode_lab(measure_inks())).max() <= 64  # a quarter of a level of L*
