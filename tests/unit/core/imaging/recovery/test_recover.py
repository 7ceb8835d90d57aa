"""Slightly broken pictures: what is there of them is read, and how much that is."""

import io
import random

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from core.errors import ImageUnreadable
from core.imaging.color_profile import to_srgb
from core.imaging.decode_request import Decoded, DecodeRequest, ImageLimits, PixelSpec
from core.imaging.decoder import decode

REQUEST = DecodeRequest(PixelSpec(64, "squash", Image.Resampling.BICUBIC), 160)


def scene(width: int = 320, height: int = 240) -> Image.Image:
    """A picture with detail everywhere, and none of it grey, black or white."""
    noise = np.random.default_rng(1).integers(60, 200, (height // 8, width // 8, 3), dtype=np.uint8)
    return Image.fromarray(noise).resize((width, height), Image.Resampling.BICUBIC)


def encoded(kind: str, image: Image.Image | None = None, **options: object) -> bytes:
    out = io.BytesIO()
    (image or scene()).save(out, kind, **options)
    return out.getvalue()


RGB = scene()
KINDS = {
    "JPEG": encoded("JPEG", quality=90),
    "JPEG progressive": encoded("JPEG", progressive=True),
    "JPEG optimised, 4:4:4": encoded("JPEG", optimize=True, subsampling=0),
    "JPEG with restarts": encoded("JPEG", restart_marker_rows=1),
    "JPEG grey": encoded("JPEG", RGB.convert("L")),
    "JPEG CMYK": encoded("JPEG", RGB.convert("CMYK")),
    "PNG": encoded("PNG"),
    "PNG with alpha": encoded("PNG", RGB.convert("RGBA")),
    "PNG of 16 bits": encoded("PNG", Image.fromarray(np.asarray(RGB.convert("L")).astype(np.uint16) * 257)),
    "PNG with palette": encoded("PNG", RGB.quantize(64)),
    "GIF": encoded("GIF", RGB.quantize(64), interlace=0),
    "GIF interlaced": encoded("GIF", RGB.quantize(64)),
    "GIF transparent": encoded("GIF", RGB.quantize(64), interlace=0, transparency=3),
    "BMP": encoded("BMP"),
    "TIFF": encoded("TIFF"),
    "WebP": encoded("WEBP"),
    "WebP lossless": encoded("WEBP", lossless=True),
    "HEIC": encoded("HEIF"),
    "AVIF": encoded("AVIF"),
}
ZEROS_ARE_PIXELS = ("BMP", "TIFF")


def look(data: bytes) -> Decoded:
    return decode(data, REQUEST, ImageLimits())


def share_of(data: bytes) -> float:
    share = look(data).incomplete
    return 1.0 if share is None else share


def cut(data: bytes, share: float) -> bytes:
    return data[: int(len(data) * share)]


def pixels_of(data: bytes) -> NDArray[np.int16]:
    pixels = look(data).pixels
    assert pixels is not None
    return pixels.astype(np.int16)


@pytest.mark.parametrize("kind", KINDS)
def test_a_whole_picture_is_whole(kind: str) -> None:
    assert look(KINDS[kind]).incomplete is None


@pytest.mark.parametrize("kind", KINDS)
def test_without_its_last_two_bytes_nearly_all_is_there(kind: str) -> None:
    decoded = look(KINDS[kind][:-2])
    assert decoded.incomplete is not None and decoded.incomplete > 0.8
    assert (decoded.width, decoded.height) == (320, 240)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("share", [0.99, 0.8, 0.5])
def test_the_share_is_what_is_there(kind: str, share: float) -> None:
    if (kind, share) == ("AVIF", 0.5):
        pytest.skip("of an AVIF with one tile that breaks off early, decoders show nothing")
    told = share_of(cut(KINDS[kind], share))
    blocks = 0.4 if kind == "HEIC" else 0.3  # of 64 rows
    assert share - blocks <= told <= (0.999 if kind == "JPEG progressive" else share + 0.02)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind not in ZEROS_ARE_PIXELS])
@pytest.mark.parametrize("share", [0.97, 0.6])
def test_a_tail_of_zeros_is_not_there(kind: str, share: float) -> None:
    data = KINDS[kind]
    try:
        assert 0 < share_of(cut(data, share).ljust(len(data), b"\0")) < 1
    except ImageUnreadable:
        assert kind == "AVIF"


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind.startswith(("JPEG", "PNG"))])
@pytest.mark.parametrize("where", [0.5, 0.8])
def test_a_hole_in_the_middle_is_noticed(kind: str, where: float) -> None:
    data, place = KINDS[kind], int(len(KINDS[kind]) * where)
    assert 0 < share_of(data[:place] + bytes(400) + data[place + 400 :]) < 1


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind.startswith(("JPEG", "PNG", "GIF"))])
def test_a_tail_of_garbage_is_noticed(kind: str) -> None:
    data = KINDS[kind]
    garbage = random.Random(5).randbytes(len(data) // 2)
    assert 0 < share_of(data[: len(data) - len(garbage)] + garbage) < 1


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind not in ("JPEG progressive", "GIF interlaced", "AVIF")])
def test_the_model_sees_only_what_is_there(kind: str) -> None:
    """Half of the file gives the input that the same part of the whole picture gives."""
    half = look(cut(KINDS[kind], 0.5))
    assert half.incomplete is not None and half.thumbnail is not None
    thumbnail = Image.open(io.BytesIO(half.thumbnail))
    share = thumbnail.height / 120
    whole = Image.open(io.BytesIO(KINDS[kind]))
    image = to_srgb(whole) if whole.mode == "CMYK" else whole.convert("RGBA" if "transparent" in kind else "RGB")
    if kind == "PNG of 16 bits":
        image = RGB.convert("L").convert("RGB")
    rows = round(image.height * share)
    part = image.crop((0, image.height - rows, image.width, image.height) if kind == "BMP" else (0, 0, 320, rows))
    white = Image.new("RGB", part.size, "white")
    white.paste(part, mask=part.getchannel("A") if part.mode == "RGBA" else None)
    expected = np.asarray(white.resize((64, 64), Image.Resampling.BICUBIC)).astype(np.int16)
    assert half.pixels is not None
    assert np.abs(half.pixels.astype(np.int16) - expected).mean() < 6


def test_half_of_a_progressive_jpeg_is_the_whole_picture_less_sharply() -> None:
    data = KINDS["JPEG progressive"]
    assert np.abs(pixels_of(cut(data, 0.5)) - pixels_of(data)).mean() < 12


def test_half_of_an_interlaced_gif_is_the_whole_picture_less_sharply() -> None:
    data = KINDS["GIF interlaced"]
    assert np.abs(pixels_of(cut(data, 0.5)) - pixels_of(data)).mean() < 20


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "GIF", "BMP", "TIFF", "WebP", "HEIC"])
def test_next_to_nothing_is_no_picture(kind: str) -> None:
    data = KINDS[kind]
    length = {"JPEG": 640, "PNG": 70, "GIF": 260, "BMP": 70, "TIFF": 220, "WebP": 60, "HEIC": 700}[kind]
    with pytest.raises(ImageUnreadable):
        look(data[:length])


@pytest.mark.parametrize("kind", ["JPEG", "JPEG progressive"])
def test_a_jpeg_may_end_in_the_middle_of_a_marker(kind: str) -> None:
    data = KINDS[kind]
    assert 0 < share_of(data[: data.index(b"\xff\x00", len(data) // 2) + 1]) < 1


def test_zeros_between_picture_and_end_are_padding() -> None:
    data = KINDS["JPEG"]
    assert look(data[:-2] + bytes(100) + data[-2:]).incomplete is None
    assert look(data + bytes(1000)).incomplete is None


def test_what_is_there_of_a_turned_picture_is_turned() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    decoded = look(cut(encoded("JPEG", exif=exif.tobytes(), quality=90), 0.5))
    assert (decoded.width, decoded.height) == (240, 320) and decoded.thumbnail is not None
    assert Image.open(io.BytesIO(decoded.thumbnail)).size[1] == 160


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_a_long_picture_keeps_its_tiles(kind: str) -> None:
    data = cut(encoded(kind, scene(640, 160)), 0.6)
    decoded = decode(data, DecodeRequest(PixelSpec(32, "crop", 3), tiles=True), ImageLimits())
    assert decoded.pixels is not None and decoded.pixels.shape == (5, 32, 32, 3)
    assert decoded.incomplete is not None and decoded.pixels.min() > 30


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG"])
def test_of_a_cut_animation_the_first_frame_is_whole(kind: str) -> None:
    frames = [scene(64, 48), scene(64, 48).transpose(Image.Transpose.ROTATE_180)]
    data = encoded(kind, frames[0], save_all=True, append_images=frames[1:])
    decoded = look(cut(data, 0.95))
    assert decoded.incomplete == 0.999
    assert np.array_equal(pixels_of(cut(data, 0.95)), pixels_of(data))


def test_a_pcx_without_its_palette_is_not_whole() -> None:
    data = encoded("PCX", RGB.quantize(64))
    assert look(data).incomplete is None and look(encoded("PCX", RGB.convert("L"))).incomplete is None
    for missing in (1, 300, 769):
        assert 0 < share_of(data[:-missing]) < 1


@pytest.mark.parametrize("options", [{}, {"progression": "RPCL"}, {"no_jp2": True}, {"irreversible": True}])
def test_half_of_a_jpeg_2000_is_the_whole_picture_less_sharply(options: dict[str, object]) -> None:
    whole = encoded("JPEG2000", **options)
    half = cut(whole, 0.5)
    for broken in (half, half + bytes(len(whole) - len(half))):
        assert 0.7 < share_of(broken) < 0.8
        assert np.abs(pixels_of(broken) - pixels_of(whole)).mean() < 4
    assert share_of(whole[:-2]) == 0.999


@pytest.mark.parametrize("options", [{}, {"progression": "PCRL"}, {"num_resolutions": 1}, {"tile_size": (64, 64)}])
def test_a_jpeg_2000_of_which_next_to_nothing_is_there_is_not_shown_grey(options: dict[str, object]) -> None:
    whole = encoded("JPEG2000", **options)
    part = cut(whole, 0.03)
    assert look(whole).incomplete is None
    for broken in (part, part + bytes(len(whole) - len(part))):
        with pytest.raises(ImageUnreadable, match="damaged"):
            look(broken)


def test_a_jpeg_2000_that_ends_between_two_tiles_is_not_whole() -> None:
    whole = encoded("JPEG2000", tile_size=(64, 64))
    last = whole.rfind(b"\xff\x90\0\x0a")
    for end in (last, last + 2):
        assert 0 < share_of(whole[:end]) < 1


@pytest.mark.parametrize("options", [{}, {"precinct_size": (64, 64)}, {"tile_size": (64, 64)}])
def test_a_blank_jpeg_2000_is_whole(options: dict[str, object]) -> None:
    assert look(encoded("JPEG2000", Image.new("RGB", (1024, 768), "white"), **options)).incomplete is None


@pytest.mark.parametrize("share", [0.3, 0.5, 0.95])
def test_of_a_tiff_of_floats_the_rows_are_there_that_are(share: float) -> None:
    whole = encoded("TIFF", RGB.convert("F"))
    assert look(whole).incomplete is None
    assert share_of(cut(whole, share)) == pytest.approx(share, abs=0.02)
