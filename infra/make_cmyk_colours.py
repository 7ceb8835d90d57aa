"""Write core/imaging/cmyk_colours.npy: how the inks of CMYK look, of pictures that carry no profile.

Measured on libvips (pyvips, a development dependency): what it shows for 9 steps of each ink. No profile is copied; the
colours are those that other viewers show, and are interpolated between the steps.
"""

from pathlib import Path

import numpy as np
import pyvips
from numpy.typing import NDArray

from core.imaging.cmyk import STEPS, encode_lab

TABLE = Path("core/imaging/cmyk_colours.npy")
_TO_LINEAR_SRGB = np.array(  # from XYZ of D65: IEC 61966-2-1
    [[3.2404542, -1.5371385, -0.4985314], [-0.9692660, 1.8760108, 0.0415560], [0.0556434, -0.2040259, 1.0572252]]
)
_TO_XYZ_D50 = np.array(  # from linear sRGB: as in the sRGB profile, adapted by Bradford's method
    [[0.4360747, 0.3850649, 0.1430804], [0.2225045, 0.7168786, 0.0606169], [0.0139322, 0.0971045, 0.7141733]]
)
_WHITE_D50 = np.array([0.96422, 1.0, 0.82521])


def measure_inks() -> NDArray[np.float64]:
    """Measure how inks look, unclipped, in CIE L*a*b* of D50: (STEPS, STEPS, STEPS, STEPS, 3)."""
    steps = np.linspace(0, 255, STEPS).round().astype(np.uint8)
    inks = np.stack(np.meshgrid(steps, steps, steps, steps, indexing="ij"), axis=-1)
    picture = pyvips.Image.new_from_array(inks.reshape(1, -1, 4)).copy(interpretation="cmyk")
    xyz = picture.colourspace("xyz").numpy().reshape(-1, 3) / 100
    ratio = xyz @ _TO_LINEAR_SRGB.T @ _TO_XYZ_D50.T / _WHITE_D50
    root = np.where(ratio > 216 / 24389, np.cbrt(ratio), (24389 / 27 * ratio + 16) / 116)
    lab = np.stack([116 * root[:, 1] - 16, 500 * (root[:, 0] - root[:, 1]), 200 * (root[:, 1] - root[:, 2])], axis=1)
    return lab.reshape(*inks.shape[:-1], 3)


def main() -> None:
    """Write the table."""
    np.save(TABLE, encode_lab(measure_inks()))


if __name__ == "__main__":
    main()
