"""The drawn sample pictures: the same on every run, true to their captions, safe to write twice."""

import random
from functools import cache
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from demo.models.training_pool import (
    PIXELS,
    WITHHELD,
    evaluation_scenes,
    patch_owners,
    thumbnail,
    training_seeds,
    unseen,
)
from demo.scenes.captions import (
    KIND_WORDS,
    SHORT,
    GroupQuestion,
    Question,
    full_question,
    short_question,
    word_question,
)
from demo.scenes.question_bank import SceneTable, mutate
from demo.scenes.sample_library import (
    BACKGROUNDS,
    COLOURS,
    KINDS,
    LIBRARY_SEED,
    PLANTED,
    Group,
    Scene,
    caption,
    draw,
    layout,
    library_scene,
    paraphrase,
    random_scene,
    short_queries,
    write_pictures,
)

UMBRELLAS = Scene("night", (Group("umbrella", "red", 3),), None, 5)
TWO_GROUPS = Scene("meadow", (Group("car", "blue", 2), Group("star", "yellow")), "left of", 6)


def pixels(scene: Scene, size: int) -> np.ndarray:
    return np.asarray(draw(scene, size), dtype=np.float64)


@cache
def large_object(kind: str, colour: str) -> np.ndarray:
    return pixels(Scene("plain", (Group(kind, colour, 1, "large"),), None, 1), 64)


def test_same_seed_is_same_scene_and_same_pixels() -> None:
    assert random_scene(11) == random_scene(11)
    assert random_scene(11) != random_scene(12)
    assert np.array_equal(pixels(random_scene(11), 128), pixels(random_scene(11), 128))
    assert not np.array_equal(pixels(UMBRELLAS, 128), pixels(Scene("night", UMBRELLAS.groups, None, 99), 128))


def test_scenes_are_the_same_in_every_process_and_release() -> None:
    assert [caption(random_scene(seed)) for seed in (0, 4, 8)] == [
        "four small pink crowns on a meadow",
        "three yellow boats left of two red umbrellas at sunset",
        "a white cup above four yellow houses on a checked background",
    ]


@pytest.mark.parametrize("background", BACKGROUNDS)
def test_every_resolution_shows_the_same_picture(background: str) -> None:
    scene = Scene(background, TWO_GROUPS.groups, "above", 3)
    reduced = np.asarray(draw(scene, 512).resize((PIXELS, PIXELS), Image.Resampling.BICUBIC), dtype=np.float64)
    assert abs(reduced - pixels(scene, PIXELS)).mean() < 3
    assert abs(reduced - thumbnail(scene)).mean() < 2


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_shows_in_every_colour_and_differs_from_the_others(kind: str) -> None:
    red = large_object(kind, "red")
    for colour in COLOURS:
        assert colour == "red" or abs(large_object(kind, colour) - red).mean() > 1
    for other in KINDS:
        assert other == kind or abs(large_object(other, "red") - red).mean() > 2


@pytest.mark.parametrize(("background", "colour"), [("night", "black"), ("snow", "white"), ("sea", "blue")])
def test_an_object_stands_out_from_a_background_of_its_colour(background: str, colour: str) -> None:
    scene = Scene(background, (Group("car", colour, 1, "large"),), None, 2)
    elsewhere = Scene(background, (Group("star", colour, 1, "small"),), None, 2)
    (spot,) = layout(scene)
    x, y, r = (int(value * 128) for value in (spot.x, spot.y, spot.half))
    there = (slice(y - r, y + r), slice(x - r, x + r))
    assert abs(pixels(scene, 128) - pixels(elsewhere, 128))[there].mean() > 5


def test_as_many_objects_as_said_apart_from_each_other_and_inside_the_frame() -> None:
    for seed in range(400):
        scene = random_scene(seed)
        spots = layout(scene)
        assert [sum(spot.group == at for spot in spots) for at in range(len(scene.groups))] == [
            group.count for group in scene.groups
        ]
        for spot in spots:
            assert min(spot.x, spot.y) >= spot.half and max(spot.x, spot.y) <= 1 - spot.half
        for one, two in combinations(spots, 2):
            assert max(abs(one.x - two.x), abs(one.y - two.y)) >= one.half + two.half


@pytest.mark.parametrize("relation", ["left of", "above"])
def test_groups_stand_as_their_relation_says(relation: str) -> None:
    for seed in range(50):
        spots = layout(Scene("plain", TWO_GROUPS.groups, relation, seed))  # type: ignore[arg-type]
        first, second = (
            [spot.x if relation == "left of" else spot.y for spot in spots if spot.group == at] for at in (0, 1)
        )
        assert max(first) < min(second)


def test_captions_mention_everything() -> None:
    assert caption(UMBRELLAS) == "three red umbrellas at night"
    assert caption(TWO_GROUPS) == "two blue cars left of a yellow star on a meadow"
    assert caption(Scene("sea", (Group("apple", "orange", 1, "small"),), None, 1)) == "a small orange apple at sea"
    assert caption(Scene("snow", (Group("butterfly", "orange", 1), Group("fish", "grey", 2)), "above", 1)) == (
        "an orange butterfly above two grey fish in the snow"
    )


def test_paraphrases_keep_the_meaning_in_other_words() -> None:
    told = {paraphrase(UMBRELLAS, random.Random(seed)) for seed in range(200)}
    assert len(told) > 50
    nouns = {"umbrellas", *(many for _, many in KIND_WORDS["umbrella"])}
    for text in told:
        words = set(text.split())
        assert words & nouns and words & {"red", "scarlet"} and words & {"three", "3"}


def test_reversed_wording_names_the_second_group_first() -> None:
    question = Question((GroupQuestion("car", "blue"), GroupQuestion("star", "yellow")), "left of")
    for seed in range(100):
        text = word_question(question, random.Random(seed))
        nouns = ("car", "cars", "auto", "autos", "automobile", "automobiles")
        car_first = any(noun in text.split("star")[0].split() for noun in nouns)
        assert car_first == ("right" not in text)


def test_short_queries_are_one_of_every_sort() -> None:
    asked = short_queries(TWO_GROUPS, random.Random(3))
    assert len(asked) == len(SHORT)
    assert asked == short_queries(TWO_GROUPS, random.Random(3))


def test_a_scene_answers_every_question_made_from_it() -> None:
    dice = random.Random(1)
    for seed in range(100):
        scene = random_scene(seed)
        assert all(short_question(scene, sort, dice).fits(scene) for sort in SHORT)
        assert full_question(scene, dice).fits(scene)


def test_questions_tell_colours_order_and_numbers_apart() -> None:
    car, star = GroupQuestion("car", "blue"), GroupQuestion("star", "yellow")
    assert Question((car, star), "left of").fits(TWO_GROUPS)
    assert not Question((star, car), "left of").fits(TWO_GROUPS)
    assert Question((star, car)).fits(TWO_GROUPS)
    assert not Question((GroupQuestion("car", "yellow"),)).fits(TWO_GROUPS)
    assert not Question((GroupQuestion("car", None, 1),)).fits(TWO_GROUPS)
    assert not Question((car,), None, "night").fits(TWO_GROUPS)


def test_a_table_of_scenes_answers_as_the_scenes_do() -> None:
    dice = random.Random(2)
    scenes = [random_scene(seed) for seed in range(120)]
    questions = [short_question(dice.choice(scenes), dice.choice(SHORT), dice) for _ in range(200)]
    questions += [mutate(full_question(scene, dice), dice) for scene in scenes]
    one_by_one = [[question.fits(scene) for question in questions] for scene in scenes]
    assert np.array_equal(SceneTable.of(scenes).answers(questions), one_by_one)


def test_library_holds_the_planted_scenes_among_chance_ones() -> None:
    captions = [caption(library_scene(number)) for number in range(1, 1001)]
    planted = {number for number, text in enumerate(captions, 1) if text == "three red umbrellas at night"}
    assert planted >= PLANTED and len(PLANTED) >= 4
    assert len(set(captions)) > 900


def test_training_evaluation_and_library_never_meet() -> None:
    training = [seed for seed, _ in zip(training_seeds(), range(200), strict=False)]
    assert min(training) > LIBRARY_SEED + 1_000_000
    assert not any(unseen(random_scene(seed)) for seed in training)
    assert ("red", "umbrella") not in WITHHELD
    held_out = evaluation_scenes(20) + evaluation_scenes(20, with_unseen=True)
    assert [unseen(scene) for scene in held_out] == [False] * 20 + [True] * 20
    assert not {scene.seed for scene in held_out} & set(training)


def test_patch_labels_lie_on_the_objects() -> None:
    owners = patch_owners(TWO_GROUPS)
    assert set(owners[:, :4].ravel()) == {0, 1}
    assert set(owners[:, 4:].ravel()) == {0, 2}


def test_impossible_scenes_are_refused() -> None:
    with pytest.raises(ValueError, match="cannot be drawn"):
        Group("dinosaur", "red")
    with pytest.raises(ValueError, match="cannot be drawn"):
        Scene("meadow", TWO_GROUPS.groups, None, 1)


def test_writer_fills_gaps_and_leaves_whole_pictures_alone(tmp_path: Path) -> None:
    paths = list(write_pictures(tmp_path, 5, size=64))
    assert [path.name for path in paths] == [f"demo-0000{number}.jpg" for number in range(1, 6)]
    first = {path: path.read_bytes() for path in paths}
    times = {path: path.stat().st_mtime_ns for path in paths}
    paths[1].unlink()
    paths[3].write_bytes(first[paths[3]][:700])
    (tmp_path / ".demo-00004.jpg.1.part").write_bytes(b"cut short")
    assert list(write_pictures(tmp_path, 5, size=64)) == paths
    assert {path: path.read_bytes() for path in sorted(tmp_path.iterdir())} == first
    assert all(paths[at].stat().st_mtime_ns == times[paths[at]] for at in (0, 2, 4))


def test_pictures_on_disk_are_plain_jpegs_of_their_scenes(tmp_path: Path) -> None:
    (path,) = write_pictures(tmp_path, 1, size=128)
    with Image.open(path) as image:
        assert (image.format, image.size, image.mode) == ("JPEG", (128, 128), "RGB")
        assert not image.info.get("progressive")
        assert abs(np.asarray(image, dtype=np.float64) - pixels(library_scene(1), 128)).mean() < 4
