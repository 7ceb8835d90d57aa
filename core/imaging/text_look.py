"""A cheap look that says whether a picture may hold text, before a reader spends its time on it."""

import numpy as np
from PIL import Image

_LONGEST_PX = 384


def may_hold_text(image: Image.Image) -> bool:
    """Say whether an upright RGB picture may hold text. It errs on the side of yes."""
    small = image.convert("L")
    small.thumbnail((_LONGEST_PX, _LONGEST_PX), Image.Resampling.BILINEAR, reducing_gap=2.0)
    grey = np.asarray(small, dtype=np.int16)
    return bool((np.abs(np.diff(grey, axis=1)) > 24).mean() > 0.01)
