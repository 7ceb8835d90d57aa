"""Folders of encoders of every family: the real classes, tiny, with random weights and tokenizers made on the spot."""

import json
import shutil
from pathlib import Path
from typing import Any

import torch
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.modules import Dense, Pooling, Transformer
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors
from transformers import (
    CLIPConfig,
    CLIPImageProcessorPil,
    CLIPModel,
    CLIPProcessor,
    DistilBertConfig,
    DistilBertModel,
    PreTrainedTokenizerFast,
    SiglipConfig,
    SiglipImageProcessorPil,
    SiglipModel,
)

from tests.support.model_folders import byte_pair_tokenizer

PIXELS = 32
DIMENSION = 24
CORPUS = (
    "a red car in the snow at night, a dog and three umbrellas on a green hill. Über den Dächern von Köln "
    "flog ein rotes Auto; la niña café crème señor garçon it's the woman's photo of two cats!"
).split()
_TOWER = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2}


def _scatter(model: torch.nn.Module, seed: int) -> None:
    """Draw every weight anew, and large enough that pictures and texts come out far from each other."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, weight in model.named_parameters():
            noise = torch.randn(weight.shape, generator=generator)
            is_scale = weight.ndim == 1 and ("norm" in name or "ln_" in name) and name.endswith("weight")
            weight.copy_(1 + 0.1 * noise if is_scale else 0.25 * noise)


def make_clip(folder: Path, *, seed: int = 0, margin: int = 0, full_size: bool = False) -> Path:
    """A plain transformers CLIP with CLIP's own tokenizer and image processor, which crops; ViT-B/16 at full size.

    `margin` is how many pixels more than its input it scales the shorter side of a picture to.
    """
    tokenizer = byte_pair_tokenizer()
    ids = {"bos_token_id": tokenizer.bos_token_id, "eos_token_id": tokenizer.eos_token_id}
    tower = {} if full_size else _TOWER
    pixels, patch = (224, 16) if full_size else (PIXELS, 8)
    config = CLIPConfig(
        vision_config={**tower, "image_size": pixels, "patch_size": patch},
        text_config={**tower, "vocab_size": len(tokenizer), "pad_token_id": 0, **ids},
        projection_dim=512 if full_size else DIMENSION,
    )
    model = CLIPModel(config)
    if not full_size:
        _scatter(model, seed)
    model.save_pretrained(folder)
    images = CLIPImageProcessorPil(
        size={"shortest_edge": pixels + margin}, crop_size={"height": pixels, "width": pixels}
    )
    CLIPProcessor(image_processor=images, tokenizer=tokenizer).save_pretrained(folder)
    return folder


def make_flat_sentence_transformer(folder: Path, *, seed: int = 0) -> Path:
    """A CLIP as sentence-transformers saves it today: one module, in the folder itself."""
    plain = make_clip(folder.with_name(folder.name + "-plain"), seed=seed)
    SentenceTransformer(str(plain), device="cpu", local_files_only=True).save(str(folder), create_model_card=False)
    return folder


def make_old_sentence_transformer(folder: Path, *, seed: int = 0) -> Path:
    """A CLIP as the hub's clip-ViT-B-32 has it: one module, in `0_CLIPModel`."""
    make_clip(folder / "0_CLIPModel", seed=seed)
    module = {"idx": 0, "name": "0", "path": "0_CLIPModel", "type": "sentence_transformers.models.CLIPModel"}
    (folder / "modules.json").write_text(json.dumps([module]))
    return folder


def make_text_tower(folder: Path, *, dimension: int = DIMENSION, seed: int = 0) -> Path:
    """A text tower as clip-ViT-B-32-multilingual-v1 is one: DistilBERT, the mean of its tokens, a linear layer."""
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    letters = sorted({letter for word in CORPUS for letter in word.lower()})
    vocabulary = {word: n for n, word in enumerate([*words, *letters, *(f"##{letter}" for letter in letters)])}
    inner = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))
    inner.normalizer = normalizers.BertNormalizer(lowercase=True, strip_accents=False)
    inner.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    inner.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=inner,
        unk_token="[UNK]",
        pad_token="[PAD]",
        cls_token="[CLS]",
        sep_token="[SEP]",
        model_max_length=32,
    )
    config = DistilBertConfig(
        vocab_size=len(vocabulary), dim=32, hidden_dim=64, n_layers=2, n_heads=2, max_position_embeddings=32
    )
    model = DistilBertModel(config)
    _scatter(model, seed + 1)
    base = folder.with_name(folder.name + "-base")
    model.save_pretrained(base)
    tokenizer.save_pretrained(base)
    transformer: Any = Transformer(str(base))
    dense: Any = Dense(32, dimension, bias=False, activation_function=torch.nn.Identity())
    _scatter(dense, seed + 2)
    SentenceTransformer(modules=[transformer, Pooling(32), dense], device="cpu").save(
        str(folder), create_model_card=False
    )
    shutil.rmtree(base)
    return folder


def make_two_towers(folder: Path, *, seed: int = 0, dimension: int = DIMENSION) -> Path:
    """A folder of the user's: a CLIP for pictures in `image`, a text tower of its space in `text`."""
    make_old_sentence_transformer(folder / "image", seed=seed)
    make_text_tower(folder / "text", dimension=dimension, seed=seed)
    return folder


def _siglip(vocabulary: int, seed: int, *, full_size: bool = False) -> SiglipModel:
    ids = {"pad_token_id": 1, "bos_token_id": 0, "eos_token_id": 1}
    text: dict[str, Any] = (
        {"vocab_size": vocabulary, **ids} if full_size else {"vocab_size": vocabulary, **_TOWER, **ids}
    )
    vision: dict[str, Any] = {} if full_size else {**_TOWER, "image_size": PIXELS, "patch_size": 8}
    model = SiglipModel(SiglipConfig(vision_config=vision, text_config=text))
    if not full_size:
        _scatter(model, seed)
    return model


def make_siglip(folder: Path, *, seed: int = 0, canonical: bool = True) -> Path:
    """A SigLIP: a vocabulary of pieces, texts without case and punctuation, padded to 64.

    `canonical` puts that form into tokenizer.json too, as the hub's files have it.
    """
    letters = sorted({letter for word in CORPUS for letter in word.lower() if letter.isalnum()})
    pieces = [("<unk>", 0.0), ("</s>", 0.0), ("▁", -2.0)]
    pieces += [(letter, -5.0 - n / 100) for n, letter in enumerate(letters)]
    pieces += [(f"▁{word}", -4.0) for word in ("a", "red", "car", "dog", "the", "photo")]
    inner = Tokenizer(models.Unigram(pieces, unk_id=0, byte_fallback=False))
    steps: list[Any] = (
        [normalizers.Lowercase(), normalizers.Replace(Regex(r"[!-/:-@\[-`{-~]"), "")] if canonical else []
    )
    steps += [normalizers.Replace(Regex(r"\s+"), " "), normalizers.Strip()]
    inner.normalizer = normalizers.Sequence(steps)
    inner.pre_tokenizer = pre_tokenizers.Metaspace(replacement="▁", prepend_scheme="always")
    inner.decoder = decoders.Metaspace()
    inner.post_processor = processors.TemplateProcessing(single="$A </s>", special_tokens=[("</s>", 1)])
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=inner, unk_token="<unk>", pad_token="</s>", eos_token="</s>", model_max_length=64
    )
    _siglip(len(pieces), seed).save_pretrained(folder)
    _save_siglip_inputs(folder, tokenizer, "SiglipTokenizer")
    return folder


def make_siglip2(
    folder: Path, *, seed: int = 0, tokenizer_class: str = "GemmaTokenizer", full_size: bool = False
) -> Path:
    """A SigLIP 2 of fixed size: Gemma's kind of byte pairs, texts in lower case, padded to 64; B/16 at full size."""
    special = ["<pad>", "<eos>", "<bos>", "<unk>", "<mask>"]
    letters = sorted({letter for word in CORPUS for letter in word} | {"▁"})
    merges = [("c", "a"), ("ca", "r"), ("d", "o"), ("do", "g"), ("▁", "a"), ("▁", "car")]
    tokens = [*special, *(f"<0x{byte:02X}>" for byte in range(256)), *letters, *(a + b for a, b in merges)]
    vocabulary = {token: n for n, token in enumerate(dict.fromkeys(tokens))}
    inner = Tokenizer(models.BPE(vocab=vocabulary, merges=merges, unk_token="<unk>", fuse_unk=True, byte_fallback=True))
    inner.normalizer = normalizers.Replace(" ", "▁")
    inner.pre_tokenizer = pre_tokenizers.Split(" ", "merged_with_previous")
    inner.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()])
    inner.post_processor = processors.TemplateProcessing(single="$A <eos>", special_tokens=[("<eos>", 1)])
    inner.add_special_tokens([AddedToken(token, normalized=False) for token in special])
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=inner,
        unk_token="<unk>",
        pad_token="<pad>",
        eos_token="<eos>",
        bos_token="<bos>",
        model_max_length=64,
        padding_side="right",
        add_bos_token=False,
        add_eos_token=True,
    )
    _siglip(len(vocabulary), seed, full_size=full_size).save_pretrained(folder)
    _save_siglip_inputs(folder, tokenizer, tokenizer_class, 224 if full_size else PIXELS)
    return folder


def _save_siglip_inputs(
    folder: Path, tokenizer: PreTrainedTokenizerFast, tokenizer_class: str, pixels: int = PIXELS
) -> None:
    SiglipImageProcessorPil(size={"height": pixels, "width": pixels}).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    path = folder / "tokenizer_config.json"
    config = json.loads(path.read_text())
    config |= {"tokenizer_class": tokenizer_class, "model_input_names": ["input_ids"]}
    path.write_text(json.dumps(config))
