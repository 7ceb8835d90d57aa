"""Pixels of any mode, depth, transparency and colour space -> what a person sees, in 8-bit sRGB."""

import io
import struct

import numpy as np
import pytest
from PIL import Image, ImageCms

from core.errors import ImageUnreadable
from core.imaging.decode_request import DecodeRequest, ImageLimits, PixelSpec
from core.imaging.decoder import decode
from tests.unit.core.imaging.test_decoder import colour_of, encoded, pixels_of

NEAREST = Image.Resampling.NEAREST
SMALL = PixelSpec(8, "squash", NEAREST)


def test_sixteen_bits_are_scaled_not_clipped() -> None:
    levels = np.linspace(0, 65535, 64, dtype=np.uint16)[None].repeat(64, 0)
    seen = pixels_of(Image.fromarray(levels), spec=PixelSpec(64, "squash", Image.Resampling.NEAREST))
    assert np.abs(seen[0, :, 0].astype(int) - levels[0] // 256).max() == 0
    assert len(np.unique(seen)) == 64


def test_floats_and_wide_integers_are_scaled_to_the_range_that_holds_them() -> None:
    ramp = np.linspace(0, 1, 64, dtype=np.float32)[None].repeat(64, 0)
    spec = PixelSpec(64, "squash", Image.Resampling.NEAREST)
    for image in (Image.fromarray(ramp), Image.fromarray(ramp * 255), Image.fromarray((ramp * 65535).astype(np.int32))):
        assert np.abs(pixels_of(image, "TIFF", spec)[0, :, 0].astype(int) - ramp[0] * 255).max() <= 1
    broken = ramp.copy()
    broken[0, 0], broken[1, 1] = np.nan, np.inf
    assert pixels_of(Image.fromarray(broken), "TIFF", spec)[0, 63, 0] == 255


def test_transparent_pixels_show_white_and_not_their_hidden_colour() -> None:
    assert colour_of(Image.new("RGBA", (40, 40), (200, 0, 0, 0))) == (255, 255, 255)
    assert colour_of(Image.new("RGBA", (40, 40), (0, 0, 0, 128)))[0] == pytest.approx(127, abs=2)
    assert colour_of(Image.new("LA", (40, 40), (0, 0))) == (255, 255, 255)
    palette = Image.new("P", (40, 40), 1)
    palette.putpalette([9, 9, 9, 200, 0, 0])
    assert colour_of(palette) == (200, 0, 0)
    assert colour_of(palette, transparency=1) == (255, 255, 255)
    assert colour_of(Image.new("L", (40, 40), 7), transparency=7) == (255, 255, 255)
    assert colour_of(Image.new("RGB", (40, 40), (1, 2, 3)), transparency=(1, 2, 3)) == (255, 255, 255)
    assert colour_of(Image.new("I;16", (40, 40), 300), transparency=300) == (255, 255, 255)


def test_other_colour_spaces_are_converted() -> None:
    red = Image.new("RGB", (40, 40), (250, 10, 10))
    assert np.abs(np.subtract(colour_of(red.convert("YCbCr"), "TIFF"), (250, 10, 10))).max() < 4
    assert colour_of(Image.new("1", (40, 40), 1)) == (255, 255, 255)
    lab = Image.new("LAB", (40, 40), (136, 208, 195))  # CIE L*a*b* of pure red, 8 bits
    seen = colour_of(lab, "TIFF")
    assert seen[0] > 200 and max(seen[1:]) < 80


def fixed(value: float) -> bytes:
    return struct.pack(">i", round(value * 65536))


def profile(space: bytes, tags: dict[bytes, bytes], device: bytes = b"mntr") -> bytes:
    """An ICC profile: header, table of tags, tags."""
    table, body, start = b"", b"", 132 + 12 * len(tags)
    for name, data in tags.items():
        table += name + struct.pack(">II", start + len(body), len(data))
        body += data + bytes(-len(data) % 4)
    header = struct.pack(">I4sI4s4s4s", start + len(body), b"lcms", 0x02400000, device, space, b"XYZ ")
    header += bytes(12) + b"acsp" + bytes(28) + fixed(0.9642) + fixed(1.0) + fixed(0.8249)
    return header.ljust(128, b"\0") + struct.pack(">I", len(tags)) + table + body


def xyz(*values: float) -> bytes:
    return b"XYZ " + bytes(4) + b"".join(map(fixed, values))


def gamma(value: float) -> bytes:
    return b"curv" + bytes(4) + struct.pack(">IH", 1, round(value * 256))


WHITE = {b"wtpt": xyz(0.9642, 1.0, 0.8249)}
RED, GREEN, BLUE = xyz(0.436, 0.2225, 0.0139), xyz(0.3851, 0.7169, 0.0971), xyz(0.1431, 0.0606, 0.7141)  # sRGB's
CURVES = dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), gamma(2.2))
SWAPPED = profile(b"RGB ", WHITE | {b"rXYZ": GREEN, b"gXYZ": RED, b"bXYZ": BLUE} | CURVES)  # green comes first
LINEAR_GREY = profile(b"GRAY", WHITE | {b"kTRC": gamma(1.0)})
SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF", "HEIF"])
def test_colours_are_what_the_embedded_profile_says(kind: str) -> None:
    image = Image.new("RGB", (40, 40), (200, 0, 0))
    assert colour_of(image, kind)[0] > 180
    seen = colour_of(image, kind, icc_profile=SWAPPED)
    assert seen[1] > 180 and max(seen[0], seen[2]) < 40
    assert np.abs(np.subtract(colour_of(image, kind, icc_profile=SRGB), colour_of(image, kind))).max() <= 2


def test_a_profile_holds_for_every_mode_that_it_fits() -> None:
    palette = Image.new("P", (40, 40), 0)
    palette.putpalette([200, 0, 0])
    assert colour_of(palette, icc_profile=SWAPPED)[1] > 180
    half = Image.new("RGBA", (40, 40), (200, 0, 0, 128))  # over white, and white is of no profile
    seen = colour_of(half, icc_profile=SWAPPED)
    assert seen[1] > 200 and 110 < seen[0] < 145 and 110 < seen[2] < 145
    for grey in (
        Image.new("L", (40, 40), 55),
        Image.new("LA", (40, 40), (55, 255)),
        Image.new("I;16", (40, 40), 55 << 8),
    ):
        assert np.abs(np.subtract(colour_of(grey, icc_profile=LINEAR_GREY), 128)).max() <= 2


@pytest.mark.parametrize(
    "broken",
    [
        b"no profile",
        SWAPPED[:200],
        SWAPPED[:36] + b"nope" + SWAPPED[40:],
        LINEAR_GREY,
        profile(b"RGB ", {}),
        bytes(500),
    ],
)
def test_a_profile_that_is_broken_or_does_not_fit_is_ignored(broken: bytes) -> None:
    image = Image.new("RGB", (40, 40), (200, 10, 10))
    assert colour_of(image, icc_profile=broken) == (200, 10, 10)
    link = SWAPPED[:12] + b"link" + SWAPPED[16:]
    assert colour_of(image, icc_profile=link) == (200, 10, 10)
    cmyk = image.convert("CMYK")
    assert colour_of(cmyk, "TIFF", icc_profile=SWAPPED) == colour_of(cmyk, "TIFF")


def test_thumbnails_need_no_profile() -> None:
    data = encoded(Image.new("RGB", (40, 40), (200, 0, 0)), icc_profile=SWAPPED)
    thumbnail = Image.open(io.BytesIO(decode(data, DecodeRequest(thumbnail=20), ImageLimits()).thumbnail or b""))
    assert "icc_profile" not in thumbnail.info and thumbnail.getpixel((10, 10))[1] > 180  # type: ignore[index]


def bitmap(red: int, green: int, blue: int, alpha: int) -> bytes:
    """A BMP of 40 × 40 pixels that says of itself that it has alpha."""
    size = 4 * 40 * 40
    header = struct.pack("<IiiHHIIiiII", 108, 40, 40, 1, 32, 3, size, 0, 0, 0, 0)
    masks = struct.pack("<IIII", 0xFF0000, 0xFF00, 0xFF, 0xFF000000)
    start = 14 + 108
    return (
        struct.pack("<2sIII", b"BM", start + size, 0, start)
        + (header + masks).ljust(108, b"\0")
        + (bytes((blue, green, red, alpha)) * 40 * 40)
    )


def test_a_bitmap_whose_alpha_was_never_filled_in_is_opaque() -> None:
    for alpha, expected in ((0, (200, 0, 0)), (128, (227, 127, 127)), (255, (200, 0, 0))):
        pixels = decode(bitmap(200, 0, 0, alpha), DecodeRequest(SMALL), ImageLimits()).pixels
        assert pixels is not None and np.abs(pixels[4, 4].astype(int) - expected).max() <= 1
    assert colour_of(Image.new("RGBA", (40, 40), (200, 0, 0, 0))) == (255, 255, 255)


def tiff(bits: int, rows: int, values: bytes) -> bytes:
    """A grey TIFF of 4 × `rows` pixels in one strip of 4 rows."""
    entries = {256: (3, 4), 257: (3, rows), 258: (3, bits), 259: (3, 1), 262: (3, 1), 273: (4, 8), 277: (3, 1)}
    entries |= {278: (3, 4), 279: (4, len(values))}
    table = b"".join(struct.pack("<HHII", tag, kind, 1, value) for tag, (kind, value) in sorted(entries.items()))
    start = 8 + len(values)
    return b"II*\0" + struct.pack("<I", start) + values + struct.pack("<H", len(entries)) + table + bytes(4)


def test_twelve_bits_are_scaled_from_twelve() -> None:
    packed = bytes.fromhex("fff7ff000400") * 4  # 0xfff, 0x7ff, 0, 0x400
    decoded = decode(tiff(12, 4, packed), DecodeRequest(PixelSpec(4, "squash", NEAREST)), ImageLimits())
    assert decoded.pixels is not None
    assert decoded.pixels[0, :, 0].tolist() == [255, 127, 0, 64]


def test_of_strips_that_do_not_reach_the_bottom_there_is_as_much_as_they_hold() -> None:
    short = decode(tiff(8, 40, bytes(16)), DecodeRequest(SMALL), ImageLimits())
    assert short.height == 40 and short.incomplete == 0.1
    whole = decode(tiff(8, 4, bytes(16)), DecodeRequest(SMALL), ImageLimits())
    assert whole.height == 4 and whole.incomplete is None
    with pytest.raises(ImageUnreadable, match="do not reach the bottom"):
        decode(tiff(8, 4000, bytes(16)), DecodeRequest(SMALL), ImageLimits())


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
@pytest.mark.parametrize(
    ("peak", "brightest"), [(255, 255), (1023, 255), (4095, 255), (16383, 255), (9000, 35), (65535, 255)]
)
def test_grey_that_leaves_the_upper_bits_empty_is_scaled_by_its_content(kind: str, peak: int, brightest: int) -> None:
    ramp = np.linspace(0, peak, 64, dtype=np.uint16)[None, :].repeat(64, 0)
    decoded = decode(
        encoded(Image.fromarray(ramp), kind), DecodeRequest(PixelSpec(64, "squash", NEAREST)), ImageLimits()
    )
    assert decoded.pixels is not None
    assert abs(int(decoded.pixels.max()) - brightest) <= 1 and int(decoded.pixels.min()) == 0


def test_heic_is_turned_as_its_container_says_whatever_its_exif_says() -> None:
    """The turn of the container (irot) is the one that counts; the EXIF tag is a copy that may be out of date."""
    exif = Image.Exif()
    exif[0x0112] = 6
    turned = encoded(Image.new("RGB", (96, 64), "red"), "HEIF", exif=exif.tobytes())
    place = turned.index(b"irot") + 4
    for angle, size in ((3, (64, 96)), (0, (96, 64))):
        data = turned[:place] + bytes([angle]) + turned[place + 1 :]
        decoded = decode(data, DecodeRequest(SMALL), ImageLimits())
        assert (decoded.width, decoded.height) == size
