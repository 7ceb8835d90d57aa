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
        ("C:\\Users\\Anna\\Pictures\\Urlaub Kreta\\DSC_0012.JPG", "Users Anna Urlaub Kreta"),
        ("trips/lisbon%20beach/caf%C3%A9.jpg", "trips lisbon beach café"),
        ("50%dark/100%.jpg", "dark"),
        ("Mu\u0308nster/Cafe\u0301teria.jpg", "Münster Caféteria"),
        ("uploads/ab/5f/ab5f7c9d8e0011223344.jpg", "uploads"),
        ("WhatsApp Images/WhatsApp Image 2021-05-03 at 14.22.31 (1).jpeg", "2021 at"),
        ("DJI_0001.JPG", None),
        ("received_123456.jpeg", None),
        ("Rome2019WithGrandmaAndAnna.jpg", "Rome 2019 With Grandma And Anna"),
        ("AKfycbx1234Zq90dfdfdf.jpg", None),
        ("01H8XGJWBWBAQ4J1D1Z9GQ3A7R.jpg", None),
        ("2023-06-14 Wedding/20230614_153012.jpg", "2023 Wedding"),
        ("\udcff/red dog.jpg", "red dog"),
        ("", None),
        ("/", None),
    ],
)
def test_words_are_kept_and_what_devices_write_is_not(key: str, words: str | None) -> None:
    assert read_name(key) == (() if words is None else (words,))


def test_of_a_web_address_the_path_tells() -> None:
    uri = "https://example.org/old%20town/red-car.jpg?size=large"
    assert read_name(uri, uri) == ("old town red car",)


@pytest.mark.parametrize(
    ("uri", "words"),
    [
        ("HTTPS://example.org/wedding-anna.JPG?token=eyJhbGciOi#top", "wedding anna"),
        ("https://example.org/%E6%9D%B1%E4%BA%AC/%E6%A1%9C.jpg", "東京 桜"),
        ("https://[no address/red dog.jpg", "red dog"),
        ("https://example.org", None),
        ("https://example.org/?id=7", None),
    ],
)
def test_odd_web_addresses_raise_nothing(uri: str, words: str | None) -> None:
    assert read_name(uri, uri) == (() if words is None else (words,))


def test_a_very_long_key_is_cut_to_its_end() -> None:
    (words,) = read_name("x" * 50_000 + "/" + "/".join(f"folder{n}" for n in range(5000)) + "/last dog.jpg")
    assert words.endswith("last dog") and len(words.split()) <= 32
