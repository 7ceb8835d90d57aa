"""Which words a picture's key tells."""

import pytest

from core.text.names import read_name


@pytest.mark.parametrize(
    ("key", "words"),
    [
        ("Trips/beachParty_2023.jpg", "Trips beach Party 2023"),
        ("holiday lisbon 2019/IMG_1234.JPG", "holiday lisbon 2019"),
        ("DCIM/100CANON/IMG_1234.CR2", None),
        ("DCIM/100_PANA/P1000123.RW2", None),
        ("Camera/PXL_20230512_101112345.jpg", "Camera"),
        ("DSC01234.ARW", None),
        ("DSCF0001-2.jpg", None),
        ("VID-20200101-WA0012.jpg", None),
        ("2021/07/20210714_183012.jpg", "2021"),
        ("wedding/5f2b6c7d9e8a4b3c.jpg", "wedding"),
        ("a/550e8400-e29b-41d4-a716-446655440000/dog.png", "dog"),
        ("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855.jpg", None),
        ("facade/decade/deadbeef.jpg", "facade decade deadbeef"),
        ("Überfahrt/Åre_1.jpg", "Überfahrt Åre"),
        ("東京/夜.jpg", "東京 夜"),
        ("image (3).png", None),
        ("Screenshot 2024-01-02.png", "2024"),
        ("", None),
        ("/", None),
    ],
)
def test_words_are_kept_and_what_devices_write_is_not(key: str, words: str | None) -> None:
    assert read_name(key) == (() if words is None else (words,))


def test_of_a_web_address_the_path_tells() -> None:
    uri = "https://example.org/old%20town/red-car.jpg?size=large"
    assert read_name(uri, uri) == ("old town red car",)


def test_a_very_long_key_is_cut_to_its_end() -> None:
    (words,) = read_name("x" * 50_000 + "/" + "/".join(f"folder{n}" for n in range(5000)) + "/last dog.jpg")
    assert words.endswith("last dog") and len(words.split()) <= 32
