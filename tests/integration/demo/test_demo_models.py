"""The demo models as shipped: small, loadable with no network, good on held-out scenes by floors under the README."""

import json
import random
import struct
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from sentence_transformers import SentenceTransformer

from demo.evaluation.evaluate import (
    Figures,
    Gallery,
    draw_pictures,
    encode_texts,
    exchange_colours,
    find_objects,
    format_table,
    load_clip,
    measure_captions,
    measure_preference,
    r_precision,
    recall,
    write_captions,
    write_figures,
)
from demo.models.architectures import CAPTIONER_FOLDER, CLIP_FOLDER, UNKNOWN_ID, tokenizer, vocabulary
from demo.models.training_pool import evaluation_scenes
from demo.scenes.captions import caption, paraphrase
from demo.scenes.question_bank import STRANGE_WORD
from demo.scenes.sample_library import draw, random_scene, short_queries

SEEN, UNSEEN = 160, 40


@pytest.fixture(scope="module", autouse=True)
def offline() -> object:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HF_HUB_OFFLINE", "1")
        patch.setenv("TRANSFORMERS_OFFLINE", "1")
        yield


@pytest.fixture(scope="module")
def held_out() -> list[Image.Image]:
    return draw_pictures(evaluation_scenes(SEEN) + evaluation_scenes(UNSEEN, with_unseen=True))


@pytest.fixture(scope="module")
def clip() -> SentenceTransformer:
    return load_clip()


@pytest.fixture(scope="module")
def gallery(clip: SentenceTransformer, held_out: list[Image.Image]) -> Gallery:
    scenes = evaluation_scenes(SEEN) + evaluation_scenes(UNSEEN, with_unseen=True)
    return Gallery(clip, scenes, held_out)


@pytest.mark.parametrize("folder", [CLIP_FOLDER, CAPTIONER_FOLDER])
def test_weights_are_small_half_precision_safetensors(folder: Path) -> None:
    files = {path.name for path in folder.iterdir()}
    assert not {name for name in files if name.endswith((".bin", ".pt", ".pkl", ".py"))}
    assert sum(path.stat().st_size for path in folder.iterdir()) <= 15_000_000
    with (folder / "model.safetensors").open("rb") as file:
        (length,) = struct.unpack("<Q", file.read(8))
        tensors = json.loads(file.read(length))
    assert {tensor["dtype"] for name, tensor in tensors.items() if name != "__metadata__"} == {"F16"}


def test_words_in_every_caption_and_question_are_known_and_others_are_not(clip: SentenceTransformer) -> None:
    shipped = clip.tokenizer
    dice = random.Random(4)
    for seed in range(300):
        scene = random_scene(seed)
        for text in (caption(scene), paraphrase(scene, dice), *short_queries(scene, dice)):
            assert UNKNOWN_ID not in shipped(text)["input_ids"], text
    assert shipped.unk_token_id == UNKNOWN_ID
    assert shipped("Show me a RED car, at night!")["input_ids"].count(UNKNOWN_ID) == 0
    assert shipped("a red dinosaur")["input_ids"].count(UNKNOWN_ID) == 1
    assert STRANGE_WORD not in vocabulary()


def test_shipped_tokenizers_are_the_ones_the_code_builds(clip: SentenceTransformer) -> None:
    text = "Two violet umbrellas, left of a zebra"
    assert clip.tokenizer(text)["input_ids"] == tokenizer()(text)["input_ids"]


def test_text_is_text_and_vectors_have_256_numbers(clip: SentenceTransformer) -> None:
    vectors = encode_texts(clip, ["a red car", "A red car.", "a blue star"])
    assert vectors.shape == (3, 256)
    assert np.allclose(vectors[0], vectors[1], atol=1e-5)
    assert vectors[0] @ vectors[2] < 0.9


@pytest.mark.soak
def test_captions_find_their_pictures(gallery: Gallery) -> None:
    dice = random.Random(5)
    scores, right = gallery.ask_whole(gallery.scenes[:SEEN], dice)
    assert recall(scores, right, 1) >= 0.95
    assert recall(scores, right, 10) >= 0.98
    assert recall(*gallery.ask_whole(gallery.scenes[SEEN:], dice), 1) >= 0.85


@pytest.mark.soak
@pytest.mark.parametrize(
    ("sort", "floor"),
    [("kind", 0.95), ("colour+kind", 0.9), ("count+kind", 0.8), ("background", 0.98)],
)
def test_short_questions_find_their_pictures(gallery: Gallery, sort: str, floor: float) -> None:
    assert r_precision(*gallery.ask_short(sort, 150, random.Random(6))) >= floor


@pytest.mark.soak
def test_colours_are_bound_to_the_right_object(gallery: Gallery) -> None:
    assert measure_preference(gallery, exchange_colours(gallery)) >= 0.9


@pytest.mark.soak
def test_an_unknown_word_matches_less_than_a_known_one(gallery: Gallery) -> None:
    known, strange = encode_texts(gallery.clip, ["a red car", "a red dinosaur"]) @ gallery.vectors.T
    assert strange.max() < known.max() - 0.1


@pytest.mark.soak
def test_captioner_names_what_is_there(held_out: list[Image.Image]) -> None:
    scenes = evaluation_scenes(SEEN)
    told = measure_captions(scenes, write_captions(held_out[:SEEN]))
    assert told.objects >= 0.95
    assert told.exact >= 0.88


@pytest.mark.soak
def test_captioner_says_the_same_of_one_picture_alone(held_out: list[Image.Image]) -> None:
    assert write_captions(held_out[:1]) == write_captions(held_out[:3])[:1]


@pytest.mark.soak
def test_a_picture_finds_itself_at_another_size(gallery: Gallery) -> None:
    smaller = [draw(scene, 256) for scene in gallery.scenes[:20]]
    vectors = np.asarray(gallery.clip.encode(smaller, normalize_embeddings=True))
    assert ((vectors @ gallery.vectors.T).argmax(axis=1) == np.arange(20)).all()


def test_measures_are_what_they_say() -> None:
    scores = np.array([[0.9, 0.8, 0.1], [0.1, 0.2, 0.3]], dtype=np.float32)
    right = np.array([[True, False, True], [False, False, True]])
    assert recall(scores, right, 1) == 1.0
    assert r_precision(scores, right) == pytest.approx((0.5 + 1) / 2)
    assert find_objects("two blue cars left of a grey butterfly at sea") == [("blue", "car"), ("grey", "butterfly")]


def test_figures_replace_the_old_table(tmp_path: Path) -> None:
    readme = tmp_path / "README.md"
    readme.write_text((CLIP_FOLDER.parent.parent / "README.md").read_text(encoding="utf-8"), encoding="utf-8")
    before = readme.read_text(encoding="utf-8")
    write_figures(Figures(gallery=7, order=0.123), readme)
    after = readme.read_text(encoding="utf-8")
    assert "0.123" in after and format_table(Figures(gallery=7, order=0.123)) in after
    assert after.splitlines()[0] == before.splitlines()[0] and after.splitlines()[-1] == before.splitlines()[-1]
