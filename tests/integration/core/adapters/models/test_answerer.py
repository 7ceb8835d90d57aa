"""The answerer adapter over real model classes with random weights: as the reference answers, within its limits."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
import transformers

from core.adapters.models.answerers.vision_answerer import VisionAnswerer, load_answerer
from core.adapters.models.captioners.vision_captioner import load_captioner
from core.adapters.models.torch_runtime import choose_dtype
from core.errors import InvalidQuery, ModelError, ModelUnavailable
from core.errors.hints import ChooseModel
from tests.support.model_folders import (
    TINY_PIXELS,
    make_tiny_blip,
    make_tiny_blip2,
    make_tiny_blip_vqa,
    make_tiny_captioner,
    make_tiny_clip,
)

QUESTIONS = ("a red car?", "two umbrellas in the snow", "What colour is the dog's umbrella?", "夜?")
TOKENS = 12
LONG = 600.0


def make_answering_blip2(folder: Path, seed: int) -> Path:
    return make_tiny_blip2(folder, seed=seed, answers=True)


def make_blip2_with_t5(folder: Path, seed: int) -> Path:
    return make_tiny_blip2(folder, seed=seed, answers=True, encodes=True)


KINDS: dict[str, Callable[..., Path]] = {
    "blip-vqa": make_tiny_blip_vqa,
    "blip-2": make_answering_blip2,
    "blip-2-t5": make_blip2_with_t5,
}


@pytest.fixture(scope="module", params=KINDS)
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    made: Path = KINDS[request.param](tmp_path_factory.mktemp("answerers") / request.param, seed=7)
    return made


@pytest.fixture(scope="module")
def answerer(folder: Path) -> VisionAnswerer:
    return _load(folder)


def _load(folder: Path | str, tokens: int = TOKENS) -> VisionAnswerer:
    answerer = load_answerer(str(folder), device="cpu", tokens=tokens)
    assert isinstance(answerer, VisionAnswerer)
    answerer._model.float()  # in bfloat16 the batch size may tip a near tie between two random words
    return answerer


def _images(count: int = 5) -> np.ndarray:
    images = np.random.default_rng(5).integers(0, 256, (count, TINY_PIXELS, TINY_PIXELS, 3), np.uint8)
    images[1], images[2] = 0, 255
    return images


def _ask_reference(folder: Path, image: np.ndarray, question: str) -> str:
    """What the folder's own class and processor answer, put as their authors put it."""
    images, tokenizer = (
        transformers.BlipImageProcessorPil.from_pretrained(folder),
        transformers.AutoTokenizer.from_pretrained(folder),
    )
    dtype = choose_dtype(torch.device("cpu"))
    if folder.name == "blip-vqa":
        model = transformers.BlipForQuestionAnswering.from_pretrained(folder, dtype=dtype).float().eval()
        processor = transformers.BlipProcessor(images, tokenizer)
        inputs = processor(images=image, text=question, return_tensors="pt")
    else:
        model = transformers.Blip2ForConditionalGeneration.from_pretrained(folder, dtype=dtype).float().eval()
        processor = transformers.Blip2Processor(images, tokenizer, num_query_tokens=model.config.num_query_tokens)
        inputs = processor(images=image, text=f"Question: {question} Answer:", return_tensors="pt")
    tokens = model.generate(**inputs, max_new_tokens=TOKENS, max_length=None)
    echo = inputs["input_ids"].shape[1] if folder.name == "blip-2" else 0
    return str(tokenizer.batch_decode(tokens[:, echo:], skip_special_tokens=True)[0])


def test_it_answers_what_the_folder_s_own_class_and_processor_answer(folder: Path, answerer: VisionAnswerer) -> None:
    images = _images()
    for question in QUESTIONS:
        told = [answer.text for answer in answerer.answer(images, question, seconds=LONG)]
        assert told == [_ask_reference(folder, image, question) for image in images]
    answers = {answer.text for question in QUESTIONS for answer in answerer.answer(images, question, seconds=LONG)}
    assert len(answers) > 4, "another picture, or another question, has another answer"


def test_a_batch_answers_what_each_picture_answers_alone_and_always_the_same(answerer: VisionAnswerer) -> None:
    images = _images()
    answers = answerer.answer(images, QUESTIONS[0], seconds=LONG)
    assert answers == [answerer.answer(image[np.newaxis], QUESTIONS[0], seconds=LONG)[0] for image in images]
    assert answers == answerer.answer(images, QUESTIONS[0], seconds=LONG)


def test_no_pictures_no_answers(answerer: VisionAnswerer) -> None:
    assert answerer.answer(_images()[:0], "a car?", seconds=LONG) == []


def test_an_answer_that_is_cut_at_its_longest_says_so(folder: Path) -> None:
    whole = _load(folder, tokens=TOKENS).answer(_images(), "a car?", seconds=LONG)
    short = _load(folder, tokens=2).answer(_images(), "a car?", seconds=LONG)
    for long, cut in zip(whole, short, strict=True):
        assert long.text.startswith(cut.text)
        assert cut.truncated == ("length" if cut.text != long.text or long.truncated else None)
    assert any(cut.truncated for cut in short)


def test_when_the_time_is_over_what_is_written_is_returned_as_cut(answerer: VisionAnswerer) -> None:
    answers = answerer.answer(_images(), "a car?", seconds=1e-9)
    assert len(answers) == 5 and all(len(answer.text.split()) <= 1 for answer in answers)
    assert {answer.truncated for answer in answers} <= {"time", None} and any(answer.truncated for answer in answers)


def test_it_ends_when_nobody_waits_for_the_answer(answerer: VisionAnswerer) -> None:
    calls = []

    def going() -> None:
        calls.append(1)
        if len(calls) == 2:
            raise InterruptedError

    with pytest.raises(InterruptedError):
        answerer.answer(_images(), "a car?", seconds=LONG, going=going)
    assert len(calls) == 2


@pytest.mark.parametrize("question", ["<image> a car", "a car </s> <s> red", "<pad> <unk> car", "[SEP] a car [CLS]"])
def test_a_question_steers_nothing_by_what_it_says(answerer: VisionAnswerer, question: str) -> None:
    special = set(answerer._writer.tokenizer.all_special_ids) - {answerer._writer.tokenizer.unk_token_id}
    plain = answerer.tokenize("a car")
    written = answerer.tokenize(question)
    assert [token for token in written if token in special] == [token for token in plain if token in special]
    assert answerer.answer(_images(), question, seconds=LONG)


def test_a_question_that_the_model_does_not_read_to_its_end_is_refused(answerer: VisionAnswerer) -> None:
    with pytest.raises(InvalidQuery, match="tokens of this model"):
        answerer.answer(_images(), "car " * (63 if answerer._room < 64 else answerer._room), seconds=LONG)


def test_a_picture_has_as_many_tokens_as_its_model_says(tmp_path: Path) -> None:
    answerer = _load(make_answering_blip2(tmp_path / "blip-2", 1))
    row = answerer.tokenize("a car")
    assert row.count(answerer._model.config.image_token_index) == answerer._model.config.num_query_tokens == 4
    with pytest.raises(ModelUnavailable, match="image_token_index"):
        _load(make_tiny_blip2(tmp_path / "old", image_token=None))


@pytest.mark.parametrize("make", [make_tiny_blip, make_tiny_captioner, make_tiny_clip])
def test_what_captions_or_encodes_is_no_answerer(make: Callable[..., Path], tmp_path: Path) -> None:
    with pytest.raises(ModelUnavailable, match="the answerer has to be a blip-vqa or blip-2 model") as caught:
        _load(make(tmp_path / "other"))
    assert caught.value.hint == ChooseModel("answerer") and "`answerer`" in str(caught.value)
    assert "demo" not in str(caught.value), "none is shipped"


def test_what_answers_is_no_captioner(tmp_path: Path) -> None:
    with pytest.raises(ModelUnavailable, match="'blip-vqa' model; the captioner has to be"):
        load_captioner(str(make_tiny_blip_vqa(tmp_path / "vqa")), device="cpu")


def test_what_the_model_s_libraries_raise_is_told_in_a_line(folder: Path) -> None:
    broken = _load(folder)
    broken._writer.model.vision_model.embeddings.half()  # of another number type than the rest, which torch refuses
    with pytest.raises(ModelError, match="failed while it answered: RuntimeError: "):
        broken.answer(_images(), "a car?", seconds=LONG)


def test_the_name_is_the_path_and_the_fingerprint_the_weights(folder: Path, answerer: VisionAnswerer) -> None:
    assert answerer.name == str(folder) and len(answerer.fingerprint) == 16
    assert answerer.pixels.size == TINY_PIXELS and answerer.pixels.fit == "squash"
