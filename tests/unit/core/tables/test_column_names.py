"""What names of columns say."""

import pytest

from core.tables.column_names import find_captions, find_picture_names, normalize_name, rank_address


def test_spellings_of_a_name_are_one() -> None:
    names = ("image_url", "Image URL", "imageUrl", " image-url ", "image.url", "IMAGE_URL")
    assert {normalize_name(name) for name in names} == {"image_url"}


@pytest.mark.parametrize(
    ("names", "captions"),
    [
        ("url,caption,raw_caption,label", "caption"),
        ("raw_caption,url", "raw_caption"),
        ("image,label", "label"),
        ("caption_1,caption 2,Caption3", "caption_1,caption 2,Caption3"),
        ("TEXT,LICENSE,similarity", "TEXT"),
        ("photo_description,ai_description,photo_id", "photo_description"),
        ("page_title,caption_alt_text_description,context_page_description", "caption_alt_text_description"),
        ("title_clean,description_clean", "title_clean,description_clean"),
        ("Image Alt Text,Image Src", "Image Alt Text"),
        ("caption_url,text_length,caption_score,title_id,subtitle", ""),
        ("image.caption,author.description", "image.caption"),
    ],
)
def test_columns_of_captions(names: str, captions: str) -> None:
    every = names.split(",")
    assert ",".join(every[n] for n in find_captions(every)) == captions


def test_the_likeliest_name_of_a_picture_comes_first() -> None:
    names = ["id", "url", "key", "file_name", "caption"]
    assert [names[n] for n in find_picture_names(names)] == ["file_name", "key", "url", "id"]
    assert find_picture_names(["image_urls", "captions"]) == [0] and find_picture_names(["caption"]) == []


def test_addresses_of_pictures_come_before_those_of_pages() -> None:
    names = ["image_url", "downloadurl", "url", "enclosure", "thumbnailUrl", "page_url"]
    assert [rank_address(name) for name in names] == [0, 1, 2, 3, 4, 5]
    assert {rank_address(name) for name in ("LicenseURL", "OriginalLandingURL", "source", "author_profile_url")} == {5}
