"""The captioner adapter over real model classes with random weights, and over the shipped demo model."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from core.adapters.models.captioners.vision_captioner import MAX_TOKENS, VisionCaptioner, load_captioner
from core.errors import ModelUnavailable
from core.errors.hints import ChooseModel
from core.imaging.decode_request import DecodeRequest, ImageLimits, PixelSpec
from core.imaging.decoder import decode
from demo.scenes import sample_library
from tests.support.model_folders import (
    TINY_PIXELS,
    WORDS,
    make_tiny_blip,
    make_tiny_blip2,
    make_tiny_captioner,
    make_tiny_clip,
    make_tiny_florence2,
    make_tiny_git,
)

KINDS = {
    "blip": make_tiny_blip,
    "blip-2": make_tiny_blip2,
    "git": make_tiny_git,
    "vit-gpt2": make_tiny_captioner,
    "florence2": make_tiny_florence2,
}


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny_captioner(tmp_path_factory.mktemp("models") / "tiny")


@pytest.fixture(scope="module")
def captioner(tiny: Path) -> VisionCaptioner:
    return _load(tiny)


@pytest.fixture(scope="module", params=KINDS)
def kind(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of every kind of captioner."""
    made: Path = KINDS[request.param](tmp_path_factory.mktemp("kinds") / request.param, seed=7)
    return made


def _load(folder: Path | str, *, beams: int = 1) -> VisionCaptioner:
    captioner = load_captioner(str(folder), device="cpu", beams=beams)
    assert isinstance(captioner, VisionCaptioner)
    return captioner


def _noise(count: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (count, TINY_PIXELS, TINY_PIXELS, 3), np.uint8)


def _varied() -> np.ndarray:
    """Noise, black, white and noise."""
    images = _noise(5, seed=5)
    images[1], images[2] = 0, 255
    return images


def test_captions_come_one_an_image_in_words_of_the_vocabulary(captioner: VisionCaptioner) -> None:
    captions = captioner.caption(_noise(5))
    assert len(captions) == 5
    assert all(captions)
    assert {word for caption in captions for word in caption.split()} <= set(WORDS)
    assert all(len(caption.split()) <= MAX_TOKENS for caption in captions)


@pytest.mark.parametrize("beams", [1, 3])
def test_every_kind_captions_in_batches_greedily_and_with_beams(kind: Path, beams: int) -> None:
    captioner = _load(kind, beams=beams)
    images = _varied()
    captions = captioner.caption(images)
    assert captions == [captioner.caption(image[np.newaxis])[0] for image in images] == captioner.caption(images)
    assert len(set(captions)) > 1 and {word for caption in captions for word in caption.split()} <= set(WORDS)
    assert captioner.pixels.size == TINY_PIXELS and captioner._generation.num_beams == beams


def test_every_kind_says_nothing_beside_its_captions(kind: Path, capfd: pytest.CaptureFixture[str]) -> None:
    captioner = _load(kind)
    assert len(captioner.caption(_noise(3))) == 3
    assert capfd.readouterr() == ("", "")


def test_captions_of_another_search_have_another_fingerprint(kind: Path) -> None:
    greedy, beams = _load(kind), _load(kind, beams=4)
    assert beams.fingerprint == f"{greedy.fingerprint}-beams4"


@pytest.mark.parametrize(
    ("name", "make", "echo"),
    [("BlipForConditionalGeneration", make_tiny_blip, 0), ("Blip2ForConditionalGeneration", make_tiny_blip2, 5)],
)
def test_it_says_what_the_folder_s_own_class_says_without_the_echo_of_the_prompt(
    name: str, make: Callable[..., Path], echo: int, tmp_path: Path
) -> None:
    import transformers

    folder = make(tmp_path / name, seed=7)
    captioner = _load(folder)
    images = _varied()
    model = getattr(transformers, name).from_pretrained(folder, dtype=torch.float32).eval()
    processor = transformers.BlipImageProcessorPil.from_pretrained(folder)
    pixels = processor(images=list(images), return_tensors="pt")["pixel_values"]
    tokens = model.generate(pixel_values=pixels, max_new_tokens=MAX_TOKENS, max_length=None)
    told = captioner._tokenizer.batch_decode(tokens[:, echo:], skip_special_tokens=True)
    captions = captioner.caption(images)
    assert captions == told and len(set(captions)) > 2


def test_a_florence2_says_what_its_processor_and_class_say_of_the_task_caption(tmp_path: Path) -> None:
    import transformers

    folder = make_tiny_florence2(tmp_path / "florence2", seed=7)
    captioner = _load(folder)
    images = _varied()
    model = transformers.Florence2ForConditionalGeneration.from_pretrained(folder, dtype=torch.float32).eval()
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    tokenizer.image_token, tokenizer.image_token_id = "<image>", model.config.image_token_id
    images_of = transformers.CLIPImageProcessorPil.from_pretrained(folder)
    processor = transformers.Florence2Processor(images_of, tokenizer)
    inputs = processor(text=["<CAPTION>"] * len(images), images=list(images), return_tensors="pt")
    assert captioner._prompt["input_ids"] == inputs["input_ids"][0].tolist()
    tokens = model.generate(**inputs, max_new_tokens=MAX_TOKENS)
    captions = captioner.caption(images)
    assert captions == tokenizer.batch_decode(tokens, skip_special_tokens=True) and len(set(captions)) > 2


def test_a_florence2_that_does_not_tell_how_many_tokens_are_a_picture_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelUnavailable, match="image_seq_length"):
        _load(make_tiny_florence2(tmp_path / "short", tells_length=False))


def test_captions_are_english_unless_the_config_says_otherwise(tiny: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(tiny, tmp_path / "german")
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"language": "de"}))
    assert (_load(tiny).language, _load(folder).language) == ("en", "de")


def test_a_blip2_of_old_that_lacks_its_image_token_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelUnavailable, match="image_token_index"):
        _load(make_tiny_blip2(tmp_path / "old", image_token=None))


def test_weights_in_shards_are_complete_with_all_of_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from huggingface_hub import constants

    from core.adapters.models.files.model_files import find_local_folder
    from core.domain.model_catalog import find

    card = find("blip2", "captioner")
    assert card is not None and card.repository is not None and card.revision is not None
    snapshot = tmp_path / ("models--" + card.repository.replace("/", "--")) / "snapshots" / card.revision
    make_tiny_blip2(snapshot, shard_bytes=100_000)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    shards = sorted(snapshot.glob("model-*-of-*.safetensors"))
    assert len(shards) > 1 and find_local_folder(card) == snapshot and len(_load("blip2").caption(_noise(2))) == 2
    shards[-1].unlink()
    assert find_local_folder(card) is None


def test_no_images_no_captions(captioner: VisionCaptioner) -> None:
    assert captioner.caption(_noise(0)) == []


def test_a_batch_says_what_each_image_says_alone(tmp_path: Path) -> None:
    captioner = _load(make_tiny_captioner(tmp_path / "other", seed=3))
    images = _noise(4, seed=1)
    images[2] = 255
    alone = [captioner.caption(image[np.newaxis])[0] for image in images]
    assert captioner.caption(images) == alone


def test_the_same_image_gets_the_same_caption(captioner: VisionCaptioner) -> None:
    assert captioner.caption(_noise(2)) == captioner.caption(_noise(2))


def test_pixels_are_read_from_the_processor(captioner: VisionCaptioner) -> None:
    assert captioner.pixels == PixelSpec(TINY_PIXELS, "squash", 2)


def test_the_name_is_the_absolute_path_and_the_fingerprint_the_weights(
    tiny: Path, captioner: VisionCaptioner, tmp_path: Path
) -> None:
    assert captioner.name == str(tiny)
    other = _load(make_tiny_captioner(tmp_path / "other", seed=1))
    assert other.fingerprint != captioner.fingerprint


def test_a_pickled_folder_of_the_user_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelUnavailable, match="pickled") as caught:
        _load(make_tiny_captioner(tmp_path / "pickled", pickled=True))
    assert caught.value.hint == ChooseModel("captioner") and "`captioner`" in str(caught.value)


def test_an_encoder_is_no_captioner(tmp_path: Path) -> None:
    with pytest.raises(ModelUnavailable, match="the captioner has to be a vision-encoder-decoder"):
        _load(make_tiny_clip(tmp_path / "clip"))


def test_weights_that_are_cut_are_refused(tiny: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(tiny, tmp_path / "cut")
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:5000])
    with pytest.raises(ModelUnavailable, match="damaged"):
        _load(folder)


def test_the_table_s_pickled_weights_load_as_data_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from huggingface_hub import constants

    from core.domain.model_catalog import find

    card = find("vit-gpt2", "captioner")
    assert card is not None and card.repository is not None and card.revision is not None
    snapshot = tmp_path / ("models--" + card.repository.replace("/", "--")) / "snapshots" / card.revision
    make_tiny_captioner(snapshot, pickled=True)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    assert len(_load("vit-gpt2").caption(_noise(2))) == 2

    trap = tmp_path / "sprung"
    torch.save({"weights": _Trap(trap)}, snapshot / "pytorch_model.bin")
    with pytest.raises(ModelUnavailable):
        _load("vit-gpt2")
    assert not trap.exists()


class _Trap:
    """Unpickled by plain pickle, it makes a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        return open, (str(self.path), "w")


def test_the_demo_captioner_reads_drawn_scenes_in_its_own_words() -> None:
    captioner = _load("demo")
    assert (captioner.name, captioner.pixels) == ("demo", PixelSpec(96, "squash", 3))
    numbers = range(2000, 2012)
    captions = captioner.caption(np.stack([_scene_pixels(number, captioner.pixels) for number in numbers]))
    vocabulary = set(captioner._tokenizer.get_vocab())
    assert all(captions) and len(set(captions)) > len(captions) // 2
    assert {word for caption in captions for word in caption.split()} <= vocabulary


def _scene_pixels(number: int, spec: PixelSpec) -> np.ndarray:
    import io

    file = io.BytesIO()
    sample_library.draw(sample_library.library_scene(number), 512).save(file, "JPEG", quality=90)
    pixels = decode(file.getvalue(), DecodeRequest(pixels=spec), ImageLimits()).pixels
    assert pixels is not None
    return pixels
