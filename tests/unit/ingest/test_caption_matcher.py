"""Which image a name in a caption file means."""

import unicodedata

from ingest.captions.caption_matcher import CaptionMatcher, NameMatches


def match(names: list[str], keys: list[str], source: str = "s3://bucket/") -> NameMatches:
    matcher = CaptionMatcher(names)
    for number, key in enumerate(keys):
        matcher.add_image(str(number), key, source + key)
    return matcher.match()


def test_the_key_as_given_comes_first() -> None:
    found = match(["a.jpg", "sub/a.jpg"], ["a.jpg", "sub/a.jpg"])
    assert (found.names, found.ambiguous, found.unmatched) == ({"0": ["a.jpg"], "1": ["sub/a.jpg"]}, {}, [])


def test_an_address_is_a_name() -> None:
    assert match(["s3://bucket/x/a.jpg"], ["a.jpg", "x/a.jpg"]).names == {"1": ["s3://bucket/x/a.jpg"]}


def test_the_base_name_where_there_is_one_such_image() -> None:
    found = match(["train/a.jpg", "b.jpg", "c.jpg"], ["deep/a.jpg", "deep/b.jpg"])
    assert (found.names, found.ambiguous, found.unmatched) == ({"0": ["train/a.jpg"], "1": ["b.jpg"]}, {}, ["c.jpg"])


def test_the_end_of_a_path_tells_equal_base_names_apart() -> None:
    keys = ["photos/one/a.jpg", "photos/two/a.jpg"]
    assert match(["one/a.jpg", "two\\a.jpg"], keys).names == {"0": ["one/a.jpg"], "1": ["two\\a.jpg"]}
    assert match(["ne/a.jpg"], keys).ambiguous == {"ne/a.jpg": keys}


def test_two_images_of_a_base_name_are_not_guessed_between() -> None:
    found = match(["a.jpg"], ["x/a.jpg", "y/a.jpg"])
    assert (found.names, found.ambiguous, found.unmatched) == ({}, {"a.jpg": ["x/a.jpg", "y/a.jpg"]}, [])


def test_two_names_of_one_image_are_not_guessed_between() -> None:
    found = match(["one/a.jpg", "two/a.jpg"], ["a.jpg"])
    assert (found.names, list(found.ambiguous)) == ({}, ["one/a.jpg", "two/a.jpg"])


def test_an_image_that_is_named_exactly_is_nobody_else_s() -> None:
    found = match(["a.jpg", "other/a.jpg"], ["a.jpg"])
    assert (found.names, found.ambiguous, found.unmatched) == ({"0": ["a.jpg"]}, {}, ["other/a.jpg"])


def test_one_key_in_two_sources_is_not_guessed_between() -> None:
    matcher = CaptionMatcher(["a.jpg"])
    matcher.add_image("0", "a.jpg", "file:///one/a.jpg")
    matcher.add_image("1", "a.jpg", "file:///two/a.jpg")
    assert matcher.match().ambiguous == {"a.jpg": ["a.jpg", "a.jpg"]}


def test_composed_and_decomposed_names_meet_unless_both_are_there() -> None:
    composed, apart = (
        unicodedata.normalize(form, "caf\N{LATIN SMALL LETTER E WITH ACUTE}.jpg") for form in ("NFC", "NFD")
    )
    assert match([composed], [apart]).names == {"0": [composed]}
    assert match([composed, apart], [apart, composed]).names == {"0": [apart], "1": [composed]}


def test_odd_names_do_no_harm() -> None:
    found = match(["/", "", "..", "./"], ["a.jpg", "b/"])
    assert not found.names and sorted(found.unmatched) == ["", "..", "./", "/"]


def test_a_name_is_looked_for_from_the_folder_of_its_file_first() -> None:
    matcher = CaptionMatcher(["a.jpg", "test/b c.jpg"], "file:///photos/train")
    for number, key in enumerate(("a.jpg", "test/a.jpg", "train/a.jpg", "test/b c.jpg")):
        matcher.add_image(str(number), key, f"file:///photos/{key.replace(' ', '%20')}")
    assert matcher.match().names == {"2": ["a.jpg"], "3": ["test/b c.jpg"]}


def test_a_name_without_a_suffix_means_the_picture_without_its_own() -> None:
    keys = ["0/000000012.jpg", "1/000000012.jpg", "x/7.png", "1.5.jpg", "9.jpg", "9.png"]
    found = match(["0/000000012", "7", "1.5", "9", "12"], keys)
    assert found.names == {"0": ["0/000000012"], "2": ["7"], "3": ["1.5"]}
    assert (found.ambiguous, found.unmatched) == ({"9": ["9.jpg", "9.png"]}, ["12"])
    assert match(["7.jpg"], ["7.png"]).unmatched == ["7.jpg"]
