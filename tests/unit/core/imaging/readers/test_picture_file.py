"""Files of every kind, made here: each becomes its picture, or is refused by its true reason."""

import re

import numpy as np
import pytest
from PIL import Image

from core.errors import ImageError
from core.imaging.decode_request import DecodeRequest, ImageLimits, PixelSpec
from core.imaging.decoder import decode
from tests.support.files.case import Case
from tests.support.files.picture_cases import list_cases

CASES = list_cases()
SPEC = PixelSpec(48, "squash", Image.Resampling.NEAREST)
PLACES = ((4, 4), (4, -5), (-5, 4), (-5, -5))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_every_kind_of_file(case: Case) -> None:
    request = DecodeRequest(SPEC, 64, name=case.name)
    if case.reason is not None:
        with pytest.raises(ImageError) as raised:
            decode(case.data, request, ImageLimits())
        assert re.match(case.reason, str(raised.value)), str(raised.value)
        return
    decoded = decode(case.data, request, ImageLimits())
    assert (decoded.width, decoded.height, decoded.incomplete) == (*case.size, None)
    assert decoded.pixels is not None
    for place, colour in zip(PLACES, case.corners, strict=True):
        seen = decoded.pixels[place].astype(int)
        assert np.abs(seen - colour).max() <= case.tolerance, (place, seen, colour)


def test_there_are_enough_and_no_name_twice() -> None:
    assert len(CASES) >= 250 and len({case.name for case in CASES}) == len(CASES)
