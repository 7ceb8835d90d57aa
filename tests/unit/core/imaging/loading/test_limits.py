"""The limits are what decoding costs: a JPEG may be large, since it is decoded at a smaller scale."""

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from core.commands.hints import render_message
from core.errors import ImageTooLarge
from core.imaging.decode_request import DecodeRequest, ImageLimits, PixelSpec
from core.imaging.decoder import decode
from core.imaging.loading.limits import check_cost, draft_scale, estimate_memory
from core.imaging.readers.picture_file import open_picture
from tests.support.files.tiff_writer import write_tiff

REQUEST = DecodeRequest(PixelSpec(224, "crop", Image.Resampling.BICUBIC), 448)
MIB = 2**20


def opened(kind: str, mode: str, size: tuple[int, int], **options: object) -> Image.Image:
    """A file of a small picture, opened, that says it had another size."""
    out = io.BytesIO()
    Image.new(mode, (16, 16)).save(out, kind, **options)
    file = Image.open(io.BytesIO(out.getvalue()))
    file._size = size
    return file


@pytest.mark.parametrize(
    ("kind", "mode", "size", "options"),
    [
        ("JPEG", "RGB", (8192, 6144), {}),  # 50.3 MP
        ("JPEG", "RGB", (9504, 6336), {"progressive": True, "subsampling": 0}),
        ("JPEG", "RGB", (12000, 9000), {}),
        ("JPEG", "RGB", (16320, 12240), {}),
        ("JPEG", "RGB", (16320, 12240), {"progressive": True, "subsampling": 0}),
        ("JPEG", "RGB", (30000, 8000), {}),
        ("JPEG", "RGB", (30000, 8000), {"progressive": True}),
        ("PNG", "RGB", (16320, 12240), {}),
        ("PNG", "RGBA", (16320, 12240), {}),
        ("TIFF", "RGB", (16320, 12240), {}),
        ("HEIF", "RGB", (12000, 9000), {}),
        ("AVIF", "RGB", (12000, 9000), {}),
        ("WEBP", "RGB", (9504, 6336), {}),
    ],
)
def test_what_people_have_is_within_the_limits(
    kind: str, mode: str, size: tuple[int, int], options: dict[str, object]
) -> None:
    check_cost(opened(kind, mode, size, **options), bytes(60 * MIB), REQUEST.draft_of(size), ImageLimits())


@pytest.mark.parametrize(
    ("kind", "mode", "options", "bytes_a_pixel"),
    [
        ("JPEG", "RGB", {}, 7 / 64),
        ("JPEG", "RGB", {"progressive": True}, 3 + 7 / 64),
        ("JPEG", "L", {"progressive": True}, 2 + 4 / 64),
        ("PNG", "RGB", {}, 4),
        ("PNG", "L", {}, 1),
        ("WEBP", "RGB", {}, 16),
        ("HEIF", "RGB", {}, 7.5),
    ],
)
def test_the_cost_is_that_of_the_format(kind: str, mode: str, options: dict[str, object], bytes_a_pixel: float) -> None:
    size = (8000, 6000)
    cost = estimate_memory(opened(kind, mode, size, **options), REQUEST.draft_of(size))
    assert cost / (8000 * 6000) == pytest.approx(bytes_a_pixel, rel=0.01)


@pytest.mark.parametrize(
    ("limits", "says"),
    [
        (
            ImageLimits(max_pixels=10**6),
            r"8000 × 6000 pixels, over the limit of 1,000,000; raise the setting decode.max_",
        ),
        (
            ImageLimits(memory_bytes=64 * MIB),
            r"takes about 183 MiB of memory, over the limit of 64; raise the setting decode.m",
        ),
    ],
)
def test_the_reason_names_the_setting_and_the_way_back(limits: ImageLimits, says: str) -> None:
    file = opened("PNG", "RGB", (8000, 6000))
    with pytest.raises(ImageTooLarge, match=r"raise `decode_m.* and run again with `retry_failed`") as raised:
        check_cost(file, b"", REQUEST.draft_of(file.size), limits)
    on_record = render_message(str(raised.value))  # as a command tells what the index keeps
    assert says in on_record and on_record.endswith("and run again with --retry-failed")


def test_a_bomb_is_refused_before_anything_is_decoded() -> None:
    chunks = b"IHDR" + struct.pack(">IIBBBBB", 30_000, 30_000, 8, 2, 0, 0, 0), b"IDAT", b"IEND"
    bomb = b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(chunk) - 4) + chunk + struct.pack(">I", zlib.crc32(chunk)) for chunk in chunks
    )
    with pytest.raises(ImageTooLarge, match="decode_max_pixels"):
        decode(bomb, REQUEST, ImageLimits())
    with pytest.raises(ImageTooLarge, match="decode_memory"):
        decode(bomb, REQUEST, ImageLimits(max_pixels=10**9))


@pytest.mark.parametrize(
    ("kind", "samples", "bytes_a_pixel"), [("f4", 3, 12), ("f8", 3, 24), ("u2", 5, 6), ("u4", 1, 4)]
)
def test_a_tiff_of_deep_samples_costs_what_they_take(kind: str, samples: int, bytes_a_pixel: int) -> None:
    extra = (0,) * (samples - 3)
    data = write_tiff(np.zeros((60, 80, samples), kind), 2 if samples > 1 else 1, extra=extra)
    file = open_picture(data, "")
    stored = 4  # of the picture, and a byte for each pixel that is there
    assert estimate_memory(file, file.size) == 80 * 60 * (bytes_a_pixel + stored + 1)
    with pytest.raises(ImageTooLarge, match="decode_memory"):
        decode(data, REQUEST, ImageLimits(memory_bytes=80 * 60 * (bytes_a_pixel + stored)))


def test_the_scale_leaves_the_draft_size() -> None:
    assert [draft_scale((800, 600), size) for size in ((100, 75), (101, 75), (400, 300), (401, 1), (900, 900))] == [
        8,
        4,
        2,
        1,
        1,
    ]
