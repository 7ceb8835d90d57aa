"""The reader on real models: words found, order, boxes, other scripts, odd pictures, photographs."""

import io
import subprocess
import sys
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont, ImageOps

from core.bootstrap.factories import load_text_reader
from core.domain.text_lines import TextLine
from core.imaging.decode_request import DecodeRequest, ImageLimits
from core.imaging.decoder import decode
from core.ports.text_reader import TextReader
from demo.evaluation.reading.fonts import shipped_fonts
from demo.evaluation.reading.measure_reading import make_page, make_photograph, measure, read_picture

PHOTOGRAPHS = Path(__file__).resolve().parents[6] / "shared/data/photos/images"
# Those of the 80 photographs that show legible text, as a person sees it.
WITH_TEXT = frozenset(
    """790 63217 100667 107438 113488 114174 121647 125870 129648 145311 174632 211891 213148 214704
    215657 227000 231460 232357 252639 284218 332078 379349 408805 418049 433998 466547 493652 525891
    535506 539216 544238 551757""".split()
)


@pytest.fixture(scope="module")
def reader() -> TextReader:
    return load_text_reader("cpu")


def page_of(*lines: str, size: int = 28) -> Image.Image:
    font = ImageFont.truetype(str(next(path for path in shipped_fonts() if path.name == "DejaVuSans.ttf")), size)
    picture = Image.new("RGB", (640, round(40 + 1.7 * size * len(lines))), "white")
    for number, line in enumerate(lines):
        ImageDraw.Draw(picture).text((30, 20 + 1.7 * size * number), line, fill="black", font=font)
    return picture


def first_corner(line: TextLine) -> tuple[bool, bool]:
    """Say whether a line begins in the right half, and in the lower half."""
    return line.box[0] > 0.5, line.box[1] > 0.5


def test_nearly_all_words_of_clean_pages_and_of_noisy_photographs_are_found(reader: TextReader) -> None:
    found, there, _ = measure(reader, partial(make_page, language="en", shipped=True), 4, seed=1)
    assert found >= 0.95 * there > 30
    found, there, _ = measure(reader, partial(make_photograph, language="de", shipped=True), 5, seed=2)
    assert found >= 0.80 * there > 20


@pytest.mark.soak
@pytest.mark.parametrize("language", ["en", "de", "fr", "es", "sv", "nl"])
def test_nearly_all_words_are_found_in_many_languages(reader: TextReader, language: str) -> None:
    found, there, _ = measure(reader, partial(make_page, language=language, shipped=True), 30, seed=3)
    assert found >= 0.95 * there
    found, there, _ = measure(reader, partial(make_photograph, language=language, shipped=True), 30, seed=4)
    assert found >= 0.80 * there


@pytest.mark.parametrize(
    ("turn", "corner"), [(0, (False, False)), (90, (False, True)), (180, (True, True)), (270, (True, False))]
)
def test_a_turned_page_is_read_in_order_and_its_boxes_begin_where_its_lines_do(
    reader: TextReader, turn: int, corner: tuple[bool, bool]
) -> None:
    lines = ["The quick brown fox", "jumps over the dog", "Invoice 2024", "Straße café"]
    reading = read_picture(reader, page_of(*lines).rotate(turn, expand=True))
    assert [line.text for line in reading.lines] == lines
    assert first_corner(reading.lines[0]) == corner
    assert all(0 <= share <= 1 for line in reading.lines for share in line.box)


def test_letters_with_marks_are_read(reader: TextReader) -> None:
    text = "é ß å ï ñ ç ø ł Ž ő"
    letters = "".join(line.text for line in read_picture(reader, page_of(text, size=40)).lines)
    assert sum(letter in letters for letter in text.split()) >= 8


@pytest.mark.parametrize(
    "lines",
    [
        ("Привет мир, как дела", "МОСКВА СТОП", "Железная дорога", "Входа нет"),  # noqa: RUF001
        ("Καλημέρα κόσμε", "ΑΘΗΝΑ ΕΞΟΔΟΣ", "Οδός Ερμού", "Είσοδος"),
        ("Բարեւ աշխարհ", "Երեւան քաղաք", "Հայաստան"),
        ("გამარჯობა მსოფლიო", "თბილისი ქალაქი", "საქართველო"),
        ("שלום עולם", "ירושלים תל אביב", "כניסה"),
        ("مرحبا بالعالم", "القاهرة مدينة", "مدخل"),
    ],
    ids=["Cyrillic", "Greek", "Armenian", "Georgian", "Hebrew", "Arabic"],
)
def test_nothing_is_kept_of_a_script_that_the_reader_does_not_know(reader: TextReader, lines: tuple[str, ...]) -> None:
    assert read_picture(reader, page_of(*lines)).lines == ()


def test_lines_in_another_script_are_counted_and_those_beside_them_kept(reader: TextReader) -> None:
    reading = read_picture(reader, page_of("Железная дорога", "Railway station", "Доступ запрещен", "No entrance"))
    assert [line.text for line in reading.lines] == ["Railway station", "No entrance"]
    assert reading.unread == 2


@pytest.mark.parametrize("size", [(1, 1), (8, 8), (30, 30), (5000, 3), (3, 5000), (5000, 20), (9, 4000), (400, 300)])
def test_no_picture_is_refused_and_nothing_is_read_where_nothing_is(reader: TextReader, size: tuple[int, int]) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (*size, 3), dtype=np.uint8)
    for picture in (np.zeros_like(noise), noise):
        reading = reader.read(picture)
        assert (reading.lines, reading.unread) == ((), 0)


def test_a_banner_is_read(reader: TextReader) -> None:
    banner = page_of("Welcome to the annual meeting").resize((640, 88)).crop((0, 20, 640, 70))
    wide = Image.new("RGB", (2000, 50), "white")
    wide.paste(banner, (700, 0))
    assert [line.text for line in read_picture(reader, wide).lines] == ["Welcome to the annual meeting"]


def test_a_page_of_16_bits_is_read_once_it_is_decoded(reader: TextReader) -> None:
    grey = np.asarray(page_of("Invoice 2024", "Total 99").convert("L")).astype(np.uint16) * 257
    file = io.BytesIO()
    Image.fromarray(grey).save(file, "PNG")
    decoded = decode(file.getvalue(), DecodeRequest(thumbnail=640), ImageLimits())
    assert decoded.thumbnail
    picture = Image.open(io.BytesIO(decoded.thumbnail)).convert("RGB")
    assert [line.text for line in read_picture(reader, picture).lines] == ["Invoice 2024", "Total 99"]


def test_the_reader_writes_nothing_to_stderr_and_says_what_it_is(tmp_path: Path) -> None:
    page_of("Hello").save(tmp_path / "page.png")
    code = (
        "import sys, numpy\nfrom PIL import Image\nfrom core.bootstrap.factories import load_text_reader\n"
        "reader = load_text_reader('cpu')\n"
        "print(reader.fingerprint, [line.text for line in reader.read(numpy.asarray(Image.open(sys.argv[1]))).lines])"
    )
    done = subprocess.run([sys.executable, "-c", code, tmp_path / "page.png"], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("rapidocr ") and done.stdout.endswith("['Hello']\n")


def test_without_the_extra_the_way_out_is_told() -> None:
    code = (
        "import sys\nsys.modules['rapidocr'] = None\n"
        "from core.bootstrap.factories import load_text_reader\nfrom core.errors import PackageMissing\n"
        "try:\n    load_text_reader('cpu')\nexcept PackageMissing as error:\n    print(error, error.hint)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "takes the package rapidocr" in done.stdout and "ocr" in done.stdout


def test_models_of_another_version_are_told_with_the_way_out() -> None:
    code = (
        "import core.adapters.text_reading.line_recognizer as recognizer\nrecognizer._FEATURES = 'no.such.tensor'\n"
        "from core.bootstrap.factories import load_text_reader\nfrom core.errors import PackageMissing\n"
        "try:\n    load_text_reader('cpu')\nexcept PackageMissing as error:\n    print(error, error.hint)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "takes the package rapidocr==3.10.*" in done.stdout and "ocr" in done.stdout


def read_photograph(reader: TextReader, name: str) -> list[str]:
    with Image.open(PHOTOGRAPHS / f"{name:0>12}.jpg") as file:
        return [line.text for line in read_picture(reader, ImageOps.exif_transpose(file)).lines]


@pytest.mark.skipif(not PHOTOGRAPHS.is_dir(), reason="needs the shared photographs")
def test_a_sign_in_a_photograph_is_read_and_a_zebra_is_no_text(reader: TextReader) -> None:
    assert read_photograph(reader, "525891") == ["STOP"]
    assert read_photograph(reader, "107438") == ["WELCOME TO", "ARDNAMURCHAN POINT", "VISITOR CENTRE"]
    assert read_photograph(reader, "281789") == read_photograph(reader, "489520") == []


@pytest.mark.soak
@pytest.mark.skipif(not PHOTOGRAPHS.is_dir(), reason="needs the shared photographs")
def test_of_the_photographs_without_text_one_at_most_keeps_a_line(reader: TextReader) -> None:
    names = {path.stem.lstrip("0") for path in PHOTOGRAPHS.iterdir()}
    kept = {name for name in names if read_photograph(reader, name)}
    assert len(kept - WITH_TEXT) <= 1
    assert len(kept & WITH_TEXT) >= 22
