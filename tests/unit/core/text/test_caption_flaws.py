"""What is cut from captions of a model, and which captions say nothing."""

import pytest

from core.text.caption_flaws import clean_caption, review_caption


@pytest.mark.parametrize(
    ("raw", "cleaned"),
    [
        ("a dog on the beach", "a dog on the beach"),
        ("  a dog \n on   the beach ", "a dog on the beach"),
        ("a dog a dog a dog", "a dog"),
        ("a cat on a table on a table", "a cat on a table"),
        ("a cat on a table on a table on a", "a cat on a table"),
        ("a man riding a wave on a", "a man riding a wave"),
        ("snow snow snow snow", "snow"),
        ("a red car and a red bus", "a red car and a red bus"),
        ("a cat cat cat", "a cat"),
        ("a cat cat cat on a mat", "a cat on a mat"),
        ("a dog and a dog and a dog", "a dog"),
        ("A dog and a dog with a ball", "A dog with a ball"),
        ("a dog, a dog, a dog,", "a dog"),
        ("a cat and cat and cat and", "a cat"),
        ("a road that goes over and over", "a road that goes over and over"),
        ("two people walking side by side", "two people walking side by side"),
        ("a man and a woman and a man", "a man and a woman and a man"),
        ("a dog.", "a dog."),
        ("a man riding a wave on the", "a man riding a wave"),
        ("a cat on a table on a table on", "a cat on a table"),
        ("a a dog", "a dog"),
        ("no no no no", "no"),
        ("a man a man riding a wave", "a man riding a wave"),
        ("and and", ""),
        ("hahahahaha", "ha"),
        ("一只狗一只狗一只狗一只狗", "一只狗"),
        ("the year 1111", "the year 1111"),
        ("the of the", ""),
        ("", ""),
        (" \n", ""),
    ],
)
def test_captions_are_clean_of_repeats_and_loose_ends(raw: str, cleaned: str) -> None:
    assert clean_caption(raw) == cleaned
    assert clean_caption(cleaned) == cleaned


@pytest.mark.parametrize(
    "said",
    [
        "two two year olds playing",
        "a very very big dog",
        "bye bye",
        "a yo yo next to a tuk tuk",
        "a hot dog hot dog stand",
        "a plane over new york new york",
        "a man hitting a baseball with a baseball bat",
        "a body of water with water birds",
        "a cake with a cake topper",
        "a man on a bike on a bike path",
        "rows and rows of books",
        "a red and white and red and white striped tent",
        "a house with the number 5 5 5",
        "a scoreboard that shows 0 0",
        "the lights are on",
        "a car passing by",
        "a stair that goes on and on",
        "a man sleeping, zzzz",
        "AAAA batteries",
        "a sign that says WWW",
        "die Frau, die die Blume hält",
        "nous nous promenons",
        "очень очень большой дом",
        "गरम गरम चाय",
        "orang orang di pantai",
        "一个人人人人",
    ],
)
def test_words_that_are_right_twice_and_last_words_that_end_a_sentence_stay(said: str) -> None:
    assert (review_caption(said).text, review_caption(said).flaw) == (said, None)


def test_two_things_alike_are_no_loop() -> None:
    assert review_caption("a man and a man").flaw is None


@pytest.mark.parametrize("said", ["", "  ", "...", "-", "and", "the of the", "!!!!!!!!"])
def test_a_caption_without_a_word_is_empty(said: str) -> None:
    assert review_caption(said).text == "" and review_caption(said).flaw == "empty"


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ("a dog a dog a dog", "a dog"),
        ("snow snow snow snow", "snow"),
        ("two two two", "two"),
        ("a cat and cat and cat and", "a cat"),
        ("a man in a suit a man in a suit a man in a suit a man", "a man in a suit a man"),
        ("hahahahahahaha", "ha"),
    ],
)
def test_a_caption_that_is_one_loop_is_repeated_and_keeps_one_turn(said: str, kept: str) -> None:
    assert (review_caption(said).text, review_caption(said).flaw) == (kept, "repeated")


@pytest.mark.parametrize(
    "said",
    [
        "a picture of something",
        "an image of a photo",
        "This is an image.",
        "the image shows",
        "The image shows a",
        "a picture of a picture of a picture of",
        "a close up of a picture",
        "a photograph of some things",
        "there are many different objects in this picture",
        "image",
        "I'm sorry, I cannot help with a picture of a dog",
        "i am sorry but there is no caption",
        "sorry",
        "I can’t see the picture",
        "As an AI language model, I do not see pictures of cats",
        "Unable to describe the photo",
        "I don't know what this is",
        "Sorry, but the picture is too dark to describe",
        "getty images",
        "a picture of Getty Images",
        "stock photo",
        "royalty-free stock photo - shutterstock",
        "alamy alamy alamy",
        "What does the image describe?",
        "no image available",
        "untitled",
        "null",
    ],
)
def test_a_caption_that_would_do_for_any_picture_is_boilerplate(said: str) -> None:
    assert review_caption(said).flaw == "boilerplate" and review_caption(said).text


@pytest.mark.parametrize(
    "said",
    [
        "a picture of a dog",
        "the image shows a man riding a wave",
        "a stock photo of a beach",
        "a black and white photo",
        "a cat on a table on a table on a",
        "a sorry looking dog",
        "sorry we are closed",
        "Sorry, we're full",
        "I can't believe it's not butter",
        "unable to fly, a bird sits on the ground",
        "a picture of a man hanging on a wall",
        "a photo of a photo album",
        "no smoking sign",
        "a parking lot",
        "a display",
        "a red car and a red bus",
        "a close up of a flower",
        "a painting of something",
        "ein Bild von einem Hund",
        "狗",
        "a can",
        "a couple",
    ],
)
def test_a_caption_that_says_something_has_no_flaw(said: str) -> None:
    assert review_caption(said).flaw is None
