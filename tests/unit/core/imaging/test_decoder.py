"""Bytes -> upright RGB under limits: what each kind of picture becomes, and what each kind of damage is called."""

import io
import struct
import zlib
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from core.errors import ImageError, ImageTooLarge, ImageUnreadable
from core.imaging.decode_request import DecodeRequest, ImageLimits, PixelSpec
from core.imaging.decoder import decode

HOSTILE = Path(__file__).resolve().parents[5] / "shared" / "data" / "hostile"
LIMITS = ImageLimits()
CROP = PixelSpec(32, "crop", Image.Resampling.BICUBIC)
SQUASH = PixelSpec(32, "squash", Image.Resampling.BICUBIC)
BOTH = DecodeRequest(CROP, 48)


def encoded(image: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def pixels_of(image: Image.Image, kind: str = "PNG", spec: PixelSpec = CROP, **options: object) -> NDArray[np.uint8]:
    decoded = decode(encoded(image, kind, **options), DecodeRequest(spec), LIMITS)
    assert decoded.pixels is not None
    return decoded.pixels


def colour_of(image: Image.Image, kind: str = "PNG", **options: object) -> tuple[int, ...]:
    return tuple(int(value) for value in pixels_of(image, kind, **options)[16, 16])


def gradient(width: int, height: int) -> Image.Image:
    ramp = np.linspace(0, 255, width, dtype=np.uint8)[None, :].repeat(height, 0)
    fall = np.linspace(0, 255, height, dtype=np.uint8)[:, None].repeat(width, 1)
    return Image.fromarray(np.stack([ramp, fall, 255 - ramp], axis=2))


@pytest.mark.parametrize(
    "kind", ["JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF", "HEIF", "JXL", "JPEG2000", "PPM", "PCX", "TGA"]
)
def test_every_allowed_format_is_read(kind: str) -> None:
    decoded = decode(encoded(Image.new("RGB", (60, 40), "red"), kind), BOTH, LIMITS)
    assert (decoded.width, decoded.height) == (60, 40)
    assert decoded.pixels is not None and decoded.pixels.shape == (32, 32, 3) and decoded.pixels.dtype == np.uint8
    assert np.abs(decoded.pixels[16, 16].astype(int) - (255, 0, 0)).max() < 12


@pytest.mark.parametrize("kind", ["DDS", "SGI", "QOI", "EPS"])
def test_other_formats_are_refused_by_name(kind: str) -> None:
    with pytest.raises(ImageUnreadable, match=r"an? .* (texture|picture|drawing): not supported; convert it to JPEG"):
        decode(encoded(Image.new("RGB", (32, 32)), kind), BOTH, LIMITS)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "the file is empty"),
        (b"hello", "not an image of a known format"),
        (b"\x00\x00\x00\x18ftypheic" + bytes(40), "damaged: starts like HEIC"),
        (b"\x89PNG\r\n\x1a\n" + bytes(40), "damaged: starts like PNG"),
        (encoded(gradient(64, 64), "JPEG")[:500], "damaged: "),
        (encoded(gradient(64, 64))[:50], "damaged: "),
        (encoded(gradient(64, 64), "WEBP")[:20], "damaged: "),
    ],
)
def test_damage_is_named(data: bytes, reason: str) -> None:
    with pytest.raises(ImageUnreadable) as raised:
        decode(data, BOTH, LIMITS)
    assert reason in str(raised.value) and len(str(raised.value)) < 300


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def test_a_bomb_is_refused_by_its_header_without_a_warning() -> None:
    before = Image.MAX_IMAGE_PIXELS
    for side in (9_000, 13_000, 60_000):  # below Pillow's warning, between warning and error, over both
        header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
        bomb = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", b"") + chunk(b"IEND", b"")
        with pytest.raises(
            ImageTooLarge,
            match=r"over the limit of 50,000,000.*; raise `decode_max_pixels` and run again with `retry_failed`",
        ):
            decode(bomb, BOTH, ImageLimits(max_pixels=50_000_000))
    assert before == Image.MAX_IMAGE_PIXELS


def test_our_limit_holds_where_pillows_own_is_lower(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    assert decode(encoded(gradient(64, 64)), BOTH, ImageLimits(max_pixels=64 * 64)).width == 64
    assert Image.MAX_IMAGE_PIXELS == 100


def test_too_many_bytes_are_refused() -> None:
    with pytest.raises(ImageTooLarge, match="bytes"):
        decode(bytes(101), BOTH, ImageLimits(max_bytes=100))


def test_the_first_frame_is_taken() -> None:
    frames = [Image.new("RGB", (40, 40), colour) for colour in ("red", "blue")]
    for kind in ("GIF", "WEBP", "PNG", "TIFF", "AVIF", "HEIF"):
        data = encoded(frames[0], kind, save_all=True, append_images=frames[1:])
        decoded = decode(data, DecodeRequest(CROP), LIMITS)
        assert decoded.pixels is not None and decoded.pixels[16, 16, 0] > 240 > 20 > decoded.pixels[16, 16, 2]


def oriented(image: Image.Image, orientation: int, kind: str) -> bytes:
    """`image` stored turned, with the EXIF tag that turns it back."""
    undo = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored = image.transpose(undo[orientation]) if orientation in undo else image
    return encoded(stored, kind, exif=exif.tobytes())


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF", "HEIF"])
@pytest.mark.parametrize("orientation", [0, 1, 2, 3, 4, 5, 6, 7, 8, 99])
def test_every_orientation_comes_out_upright(orientation: int, kind: str) -> None:
    image = gradient(96, 64)
    straight = decode(encoded(image, kind), BOTH, LIMITS)
    turned = decode(oriented(image, orientation, kind), BOTH, LIMITS)
    assert (turned.width, turned.height) == (96, 64)
    assert turned.pixels is not None and straight.pixels is not None
    assert np.abs(turned.pixels.astype(int) - straight.pixels).mean() < 4


@pytest.mark.skipif(not HOSTILE.is_dir(), reason="needs the sample data beside the repository")
@pytest.mark.parametrize("name", ["Landscape", "Portrait"])
def test_the_nine_example_orientations_agree(name: str) -> None:
    paths = sorted((HOSTILE / "exif_orientation").glob(f"{name}_*.jpg"))
    decoded = [decode(path.read_bytes(), DecodeRequest(PixelSpec(96, "crop", 3)), LIMITS) for path in paths]
    assert len(decoded) == 9 and len({(each.width, each.height) for each in decoded}) == 1
    first = np.asarray(decoded[0].pixels, np.float32)
    for each in decoded[1:]:
        assert np.abs(np.asarray(each.pixels, np.float32) - first).mean() < 3


def test_draft_decoding_changes_neither_reported_size_nor_picture() -> None:
    image = gradient(1203, 802)
    png, jpeg = (decode(encoded(image, kind), BOTH, LIMITS) for kind in ("PNG", "JPEG"))
    assert (jpeg.width, jpeg.height) == (png.width, png.height) == (1203, 802)
    assert png.pixels is not None and jpeg.pixels is not None
    assert np.abs(png.pixels.astype(int) - jpeg.pixels).mean() < 1


def test_draft_decoding_leaves_the_detail_that_is_asked_for() -> None:
    board = (np.indices((800, 1200)) // 10).sum(axis=0) % 2 * 255
    image = Image.fromarray(board.astype(np.uint8)).convert("RGB")
    spec = PixelSpec(200, "crop", Image.Resampling.BICUBIC)
    assert np.abs(pixels_of(image, "JPEG", spec).astype(int) - pixels_of(image, "PNG", spec)).mean() < 8
    thumbnails = [
        decode(encoded(image, kind), DecodeRequest(thumbnail=600), LIMITS).thumbnail for kind in ("JPEG", "PNG")
    ]
    small, large = (np.asarray(Image.open(io.BytesIO(each or b"")), np.float32) for each in thumbnails)
    assert small.shape == large.shape == (400, 600, 3) and np.abs(small - large).mean() < 16


def test_squash_keeps_the_edges_that_crop_cuts() -> None:
    image = gradient(320, 160)
    assert pixels_of(image, spec=SQUASH)[16, 0, 0] < 10
    assert pixels_of(image, spec=CROP)[16, 0, 0] > 50


@pytest.mark.parametrize("spec", [CROP, SQUASH])
def test_nothing_of_a_long_picture_is_cut(spec: PixelSpec) -> None:
    seen = pixels_of(gradient(321, 160), spec=spec)
    assert seen[16, 0, 0] < 10 and seen[16, -1, 0] > 245


@pytest.mark.parametrize(
    ("size", "expected"), [((400, 100), (48, 12)), ((30, 20), (30, 20)), ((1, 5000), (1, 48)), ((1, 1), (1, 1))]
)
def test_thumbnails_keep_their_shape_and_are_never_enlarged(size: tuple[int, int], expected: tuple[int, int]) -> None:
    for kind in ("PNG", "JPEG"):
        decoded = decode(encoded(gradient(*size), kind), DecodeRequest(thumbnail=48), LIMITS)
        assert decoded.pixels is None and decoded.thumbnail is not None
        thumbnail = Image.open(io.BytesIO(decoded.thumbnail))
        assert (thumbnail.format, thumbnail.size, thumbnail.mode) == ("JPEG", expected, "RGB")


def with_time(taken: object, offset: object = None) -> bytes:
    exif = Image.Exif()
    details = exif.get_ifd(0x8769)
    details[0x9003] = taken
    if offset is not None:
        details[0x9011] = offset
    return encoded(Image.new("RGB", (8, 8)), "JPEG", exif=exif)


@pytest.mark.parametrize(
    ("taken", "offset", "clock", "instant"),
    [
        ("2021:05:06 07:08:09", None, "2021-05-06T07:08:09", None),
        ("2021:05:06 07:08:09", "+02:00", "2021-05-06T07:08:09", datetime(2021, 5, 6, 5, 8, 9, tzinfo=UTC)),
        ("2021:12:31 23:30:00", "-05:30", "2021-12-31T23:30:00", datetime(2022, 1, 1, 5, 0, tzinfo=UTC)),
        ("2021:05:06 07:08:09", "noon", "2021-05-06T07:08:09", None),
        ("0001:01:01 00:00:00", "+09:00", "0001-01-01T00:00:00", None),
    ],
)
def test_time_taken(taken: str, offset: str | None, clock: str, instant: datetime | None) -> None:
    told = decode(with_time(taken, offset), BOTH, LIMITS).metadata.taken
    assert told is not None
    assert (told.clock, told.instant) == (datetime.fromisoformat(clock), instant)


@pytest.mark.parametrize("taken", ["0000:00:00 00:00:00", "yesterday"])
def test_no_time_taken(taken: str) -> None:
    assert decode(with_time(taken, None), BOTH, LIMITS).metadata.taken is None


def test_thumbnails_carry_no_metadata() -> None:
    decoded = decode(with_time("2021:05:06 07:08:09"), BOTH, LIMITS)
    assert decoded.thumbnail is not None and not Image.open(io.BytesIO(decoded.thumbnail)).getexif()


@settings(max_examples=150)
@given(
    st.sampled_from(["JPEG", "PNG", "GIF", "BMP", "TIFF", "WEBP", "HEIF", "JPEG2000", "PPM", "PCX", "ICO", "JXL"]),
    st.lists(st.tuples(st.integers(0, 10_000), st.integers(0, 255)), min_size=1, max_size=8),
    st.integers(0, 3000),
)
def test_no_damage_raises_anything_but_an_image_error(kind: str, changes: list[tuple[int, int]], length: int) -> None:
    data = bytearray(encoded(gradient(24, 16), kind))
    for place, value in changes:
        data[place % len(data)] = value
    try:
        decoded = decode(bytes(data[: length or len(data)]), BOTH, ImageLimits(max_pixels=100_000))
    except ImageError as error:
        assert str(error)
    else:
        assert decoded.pixels is not None and decoded.pixels.shape == (32, 32, 3)


@pytest.mark.parametrize("orientation", [1, 6])
def test_a_picture_to_read_is_upright_whole_and_no_larger_than_asked_for(orientation: int) -> None:
    data = oriented(gradient(960, 640), orientation, "JPEG")
    large = decode(data, DecodeRequest(picture=4000), LIMITS).picture
    small = decode(data, DecodeRequest(picture=300, text_look=True), LIMITS)
    assert large is not None and large.shape == (640, 960, 3) and large.dtype == np.uint8
    assert small.picture is not None and small.picture.shape == (200, 300, 3) and small.may_hold_text is not None
    assert np.abs(large[::64, ::96].astype(int) - small.picture[::20, ::30][:10, :10]).mean() < 12
    line = decode(encoded(Image.new("L", (5000, 3))), DecodeRequest(picture=100), LIMITS).picture
    assert line is not None and line.shape == (1, 100, 3)


def test_a_crop_of_a_reduced_picture_is_that_of_all_of_it() -> None:
    """Of a picture decoded at a smaller scale only what is kept is resized: within a rounding of resizing it whole."""
    dice = np.random.default_rng(0)
    coarse = Image.fromarray(dice.integers(0, 256, (60, 90, 3), np.uint8)).resize((900, 600), Image.Resampling.BICUBIC)
    spec, buffer = PixelSpec(64, "crop", Image.Resampling.BICUBIC), io.BytesIO()
    coarse.save(buffer, "JPEG", quality=95)
    got = decode(buffer.getvalue(), DecodeRequest(spec), LIMITS).pixels
    reduced = Image.open(buffer)
    reduced.draft("RGB", (192, 128))
    whole = reduced.resize((96, 64), Image.Resampling.BICUBIC).crop((16, 0, 80, 64))
    assert reduced.size == (225, 150) and got is not None
    assert int(np.abs(got.astype(int) - np.asarray(whole)).max()) <= 1


def test_bytes_whose_hash_is_known_are_not_hashed_again(monkeypatch: pytest.MonkeyPatch) -> None:
    buffer = io.BytesIO()
    Image.new("RGB", (8, 8)).save(buffer, "JPEG")
    monkeypatch.setattr("core.imaging.decoder.hashlib", None)
    assert decode(buffer.getvalue(), DecodeRequest(content_hash="ab" * 32), LIMITS).content_hash == "ab" * 32
