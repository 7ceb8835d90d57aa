"""The two small models: their shapes, their word lists, and how they are put on disk.

Both see 96 x 96 pixels in 64 patches of 12 x 12. They share the vocabulary: every word of `captions`, lower-cased, one
token a word. Any other word becomes the unknown token, so a caller can tell that a word was never seen in training.
"""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Any

import torch
from sentence_transformers import SentenceTransformer
from tokenizers import Regex, Tokenizer, normalizers
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import WhitespaceSplit
from tokenizers.processors import TemplateProcessing
from transformers import (
    CLIPConfig,
    CLIPImageProcessorPil,
    CLIPModel,
    CLIPProcessor,
    CLIPVisionConfig,
    GenerationConfig,
    GPT2Config,
    PreTrainedModel,
    PreTrainedTokenizerFast,
    VisionEncoderDecoderConfig,
    VisionEncoderDecoderModel,
)

from core.bootstrap.models import record_model
from demo.models.training_pool import PATCH, PIXELS
from demo.scenes import captions
from demo.scenes.object_kinds import KINDS
from demo.scenes.palette import COLOURS

WEIGHTS = Path(__file__).parent.parent / "weights"
CLIP_FOLDER = WEIGHTS / "clip"
CAPTIONER_FOLDER = WEIGHTS / "captioner"

PAD, UNKNOWN, START, END = "<pad>", "<unk>", "<s>", "</s>"
PAD_ID, UNKNOWN_ID, START_ID, END_ID = range(4)
LONGEST_TEXT = 40
MEAN, STD = [0.5, 0.5, 0.5], [0.5, 0.5, 0.5]

VISION: dict[str, Any] = {
    "hidden_size": 192,
    "intermediate_size": 768,
    "num_hidden_layers": 6,
    "num_attention_heads": 6,
    "image_size": PIXELS,
    "patch_size": PATCH,
}
TEXT_WIDTH, TEXT_DEPTH, TEXT_HEADS = 192, 4, 3
PROJECTION = 256


def vocabulary() -> list[str]:
    """The special tokens, then every word that a caption, wording or question can contain, sorted."""
    phrases: list[str] = [*captions.OPENINGS, *captions.PLACES.values(), *captions.NUMBERS.values(), "1 2 3 4"]
    phrases += ["an one a single some the thing things object objects and with next to beside small large"]
    for kind in KINDS:
        phrases += [kind, captions.plural(kind), *(text for pair in captions.KIND_WORDS.get(kind, ()) for text in pair)]
    for table in (captions.COLOUR_WORDS, captions.SIZE_WORDS, captions.PLACE_WORDS, captions.PLACE_NAMES):
        phrases += [text for texts in table.values() for text in texts]
    for words in (*captions.RELATION_WORDS.values(), *captions.REVERSED.values()):
        phrases += words
    phrases += [*COLOURS, *captions.RELATION_WORDS]
    return [PAD, UNKNOWN, START, END, *sorted(set(re.findall(r"\w+", " ".join(phrases))))]


def tokenizer() -> PreTrainedTokenizerFast:
    """Words to ids: lower-cased, punctuation dropped, framed by start and end."""
    words = {word: number for number, word in enumerate(vocabulary())}
    inner = Tokenizer(WordLevel(words, unk_token=UNKNOWN))
    inner.normalizer = normalizers.Sequence(
        [normalizers.NFKC(), normalizers.Lowercase(), normalizers.Replace(Regex(r"[^\p{L}\p{N}]+"), " ")]
    )
    inner.pre_tokenizer = WhitespaceSplit()
    inner.post_processor = TemplateProcessing(
        single=f"{START} $A {END}", special_tokens=[(START, START_ID), (END, END_ID)]
    )
    return PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]
        tokenizer_object=inner,
        pad_token=PAD,
        unk_token=UNKNOWN,
        bos_token=START,
        eos_token=END,
        model_max_length=LONGEST_TEXT,
        padding_side="right",
    )


def image_processor() -> CLIPImageProcessorPil:
    """Any picture to (3, 96, 96) in [-1, 1]: squeezed to a square with Pillow's bicubic filter, never cropped."""
    return CLIPImageProcessorPil(
        do_resize=True,
        size={"height": PIXELS, "width": PIXELS},
        resample=3,
        do_center_crop=False,
        do_rescale=True,
        do_normalize=True,
        image_mean=MEAN,
        image_std=STD,
        do_convert_rgb=True,
    )


def new_clip(attention: str = "eager") -> CLIPModel:
    """A CLIP with random weights."""
    config = CLIPConfig(
        vision_config=VISION,
        text_config={
            "vocab_size": len(vocabulary()),
            "hidden_size": TEXT_WIDTH,
            "intermediate_size": 4 * TEXT_WIDTH,
            "num_hidden_layers": TEXT_DEPTH,
            "num_attention_heads": TEXT_HEADS,
            "max_position_embeddings": LONGEST_TEXT,
            "pad_token_id": PAD_ID,
            "bos_token_id": START_ID,
            "eos_token_id": END_ID,
        },
        projection_dim=PROJECTION,
    )
    config._attn_implementation = attention
    return CLIPModel(config)


def new_captioner(attention: str = "eager") -> VisionEncoderDecoderModel:
    """A captioner with random weights: CLIP's vision tower read by a small GPT-2 with cross attention."""
    encoder = CLIPVisionConfig(**VISION)
    decoder = GPT2Config(
        vocab_size=len(vocabulary()),
        n_positions=LONGEST_TEXT,
        n_embd=TEXT_WIDTH,
        n_layer=TEXT_DEPTH,
        n_head=TEXT_HEADS,
        pad_token_id=PAD_ID,
        bos_token_id=START_ID,
        eos_token_id=END_ID,
        add_cross_attention=True,
        resid_pdrop=0.0,
        embd_pdrop=0.0,
        attn_pdrop=0.0,
    )
    config = VisionEncoderDecoderConfig.from_encoder_decoder_configs(
        encoder, decoder, decoder_start_token_id=START_ID, pad_token_id=PAD_ID, eos_token_id=END_ID
    )
    config._attn_implementation = attention
    return VisionEncoderDecoderModel(config)


def _save_half(model: PreTrainedModel, folder: Path) -> None:
    """Write the weights as float16 safetensors, leaving the model as it is."""
    half = {name: value.detach().to(torch.float16) for name, value in model.state_dict().items()}
    before = model.config.dtype
    model.config.dtype = torch.float16
    model.save_pretrained(folder, state_dict=half)
    model.config.dtype = before


def save_clip(model: CLIPModel, folder: Path) -> None:
    """Write a folder that `SentenceTransformer(str(folder))` loads without the hub or code from elsewhere."""
    fresh = folder.with_name(folder.name + ".part")
    plain = folder.with_name(folder.name + ".plain")
    for leftover in (fresh, plain):
        shutil.rmtree(leftover, ignore_errors=True)
    _save_half(model, plain)
    processor = CLIPProcessor(image_processor=image_processor(), tokenizer=tokenizer())  # type: ignore[no-untyped-call]
    processor.save_pretrained(plain)
    sentence_model = SentenceTransformer(
        str(plain), device="cpu", local_files_only=True, model_kwargs={"dtype": torch.float16}
    )
    sentence_model.save(str(fresh), create_model_card=False)
    shutil.rmtree(plain)
    _replace(folder, fresh)


def save_captioner(model: VisionEncoderDecoderModel, folder: Path) -> None:
    """Write model, image processor, tokenizer and generation settings into one folder."""
    fresh = folder.with_name(folder.name + ".part")
    shutil.rmtree(fresh, ignore_errors=True)
    model.generation_config = GenerationConfig(  # type: ignore[no-untyped-call]
        decoder_start_token_id=START_ID,
        bos_token_id=START_ID,
        eos_token_id=END_ID,
        pad_token_id=PAD_ID,
        max_new_tokens=24,
        num_beams=1,
        do_sample=False,
    )
    _save_half(model, fresh)
    image_processor().save_pretrained(fresh)
    tokenizer().save_pretrained(fresh)
    _replace(folder, fresh)


def _replace(folder: Path, fresh: Path) -> None:
    record_model(fresh)
    shutil.rmtree(folder, ignore_errors=True)
    fresh.rename(folder)


def describe(folder: Path) -> dict[str, float]:
    """The size of a model folder in MB, by file, for the report."""
    return {path.name: round(path.stat().st_size / 1e6, 3) for path in sorted(folder.iterdir())}
