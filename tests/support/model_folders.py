"""Model folders made on the spot: real classes, random weights, no network."""

import json
from pathlib import Path

import torch
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
from transformers import (
    Blip2Config,
    Blip2ForConditionalGeneration,
    BlipConfig,
    BlipForConditionalGeneration,
    BlipForQuestionAnswering,
    BlipImageProcessorPil,
    CLIPConfig,
    CLIPImageProcessorPil,
    CLIPModel,
    CLIPProcessor,
    CLIPTokenizer,
    Florence2Config,
    Florence2ForConditionalGeneration,
    Florence2Processor,
    GitConfig,
    GitForCausalLM,
    GPT2Config,
    PreTrainedTokenizerFast,
    VisionEncoderDecoderConfig,
    VisionEncoderDecoderModel,
    ViTConfig,
    ViTImageProcessorPil,
)

WORDS = "a red green blue car dog and on the two three umbrellas at night woman in snow s".split()
SPECIAL = ["<pad>", "<unk>", "<s>", "</s>"]
TINY_PIXELS = 32


def word_tokenizer(context: int = 16) -> PreTrainedTokenizerFast:
    """One token a word of WORDS; any other word is the unknown token, as in the demo models."""
    inner = Tokenizer(models.WordLevel({w: i for i, w in enumerate([*SPECIAL, *WORDS])}, unk_token="<unk>"))
    inner.normalizer = normalizers.Lowercase()
    inner.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Punctuation(behavior="removed")]
    )
    inner.post_processor = processors.TemplateProcessing(single="<s> $A </s>", special_tokens=[("<s>", 2), ("</s>", 3)])
    return PreTrainedTokenizerFast(
        tokenizer_object=inner,
        pad_token="<pad>",
        unk_token="<unk>",
        bos_token="<s>",
        eos_token="</s>",
        model_max_length=context,
    )


def byte_pair_tokenizer(context: int = 77) -> CLIPTokenizer:
    """CLIP's own tokenizer class over a vocabulary of single bytes and a few merges."""
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    merges = [("c", "a"), ("ca", "r</w>"), ("d", "o"), ("do", "g</w>")]
    tokens = [*letters, *(letter + "</w>" for letter in letters), *(left + right for left, right in merges)]
    vocabulary = {token: number for number, token in enumerate([*tokens, "<|startoftext|>", "<|endoftext|>"])}
    return CLIPTokenizer(vocab=vocabulary, merges=merges, model_max_length=context)


def make_tiny_clip(folder: Path, *, dtype: torch.dtype = torch.float32, crop: bool = False, seed: int = 0) -> Path:
    """A plain transformers CLIP of 32 px and 16 dimensions, with the word-level tokenizer."""
    torch.manual_seed(seed)
    tokenizer = word_tokenizer()
    tower = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2}
    model = CLIPModel(
        CLIPConfig(
            vision_config={**tower, "image_size": TINY_PIXELS, "patch_size": 8},
            text_config={
                **tower,
                "vocab_size": len(tokenizer),
                "max_position_embeddings": 16,
                "pad_token_id": 0,
                "bos_token_id": 2,
                "eos_token_id": 3,
            },
            projection_dim=16,
        )
    )
    model.to(dtype).save_pretrained(folder)
    size: dict[str, int] = {"height": TINY_PIXELS, "width": TINY_PIXELS}
    images = CLIPImageProcessorPil(
        size={"shortest_edge": TINY_PIXELS} if crop else size, crop_size=size, do_center_crop=crop, resample=3
    )
    CLIPProcessor(image_processor=images, tokenizer=tokenizer).save_pretrained(folder)
    return folder


def make_vit_b_32(folder: Path, *, seed: int = 0) -> Path:
    """The real architecture of clip-ViT-B-32 (512 dimensions, 224 px, crop) with CLIP's tokenizer class."""
    torch.manual_seed(seed)
    tokenizer = byte_pair_tokenizer()
    ids = {"bos_token_id": tokenizer.bos_token_id, "eos_token_id": tokenizer.eos_token_id}
    config = CLIPConfig(text_config={"vocab_size": len(tokenizer), "pad_token_id": 0, **ids})
    CLIPModel(config).to(torch.float16).save_pretrained(folder)
    CLIPProcessor(image_processor=CLIPImageProcessorPil(), tokenizer=tokenizer).save_pretrained(folder)
    return folder


def make_tiny_captioner(folder: Path, *, seed: int = 0, pickled: bool = False) -> Path:
    """A ViT read by a small GPT-2: the classes of vit-gpt2-image-captioning."""
    torch.manual_seed(seed)
    tokenizer = word_tokenizer()
    tower = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2}
    encoder = ViTConfig(**tower, image_size=TINY_PIXELS, patch_size=8)
    decoder = GPT2Config(
        vocab_size=len(tokenizer),
        n_positions=32,
        n_embd=32,
        n_layer=2,
        n_head=2,
        add_cross_attention=True,
        tie_word_embeddings=False,
        is_decoder=True,
        bos_token_id=2,
        eos_token_id=3,
        pad_token_id=0,
    )
    config = VisionEncoderDecoderConfig.from_encoder_decoder_configs(
        encoder, decoder, decoder_start_token_id=2, eos_token_id=3, pad_token_id=0
    )
    model = VisionEncoderDecoderModel(config)
    model.save_pretrained(folder)
    if pickled:
        torch.save(model.state_dict(), folder / "pytorch_model.bin")
        (folder / "model.safetensors").unlink()
    size = {"height": TINY_PIXELS, "width": TINY_PIXELS}
    ViTImageProcessorPil(size=size, resample=2).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


_TOWER = {
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "initializer_range": 0.5,  # random weights that say different things of different pictures
}
_TOKENS = {"bos_token_id": 2, "eos_token_id": 3, "sep_token_id": 3, "pad_token_id": 0}


def make_tiny_blip(folder: Path, *, seed: int = 0) -> Path:
    """The classes of blip-image-captioning-base."""
    torch.manual_seed(seed)
    tokenizer = word_tokenizer()
    text = {**_TOWER, **_TOKENS, "vocab_size": len(tokenizer), "max_position_embeddings": 48, "encoder_hidden_size": 32}
    vision = {**_TOWER, "image_size": TINY_PIXELS, "patch_size": 8}
    BlipForConditionalGeneration(BlipConfig(text_config=text, vision_config=vision)).save_pretrained(folder)
    _save_processors(folder, tokenizer)
    return folder


def make_tiny_blip_vqa(folder: Path, *, seed: int = 0) -> Path:
    """The classes of blip-vqa-base: a question is read beside the picture, and an answer is written of both."""
    torch.manual_seed(seed)
    tokenizer = word_tokenizer(64)
    text = {**_TOWER, **_TOKENS, "vocab_size": len(tokenizer), "max_position_embeddings": 64, "encoder_hidden_size": 32}
    vision = {**_TOWER, "image_size": TINY_PIXELS, "patch_size": 8}
    BlipForQuestionAnswering(BlipConfig(text_config=text, vision_config=vision)).save_pretrained(folder)
    _save_processors(folder, tokenizer)
    return folder


def make_tiny_blip2(
    folder: Path,
    *,
    seed: int = 0,
    image_token: int | None = 4,
    shard_bytes: int | None = None,
    answers: bool = False,
    encodes: bool = False,
) -> Path:
    """The classes of blip2-opt-2.7b: a vision tower, a querying transformer, an OPT.

    `answers`: with a token of its own for pictures, as the published ones have. `encodes`: with a T5 in place of the
    OPT, as blip2-flan-t5-xl.
    """
    torch.manual_seed(seed)
    tokenizer = word_tokenizer(64)
    if answers:
        tokenizer.add_special_tokens({"additional_special_tokens": ["<image>"]})
        image_token = tokenizer.convert_tokens_to_ids("<image>")
    vision = {**_TOWER, "image_size": TINY_PIXELS, "patch_size": 8}
    language = {
        "model_type": "opt",
        **_TOKENS,
        "vocab_size": len(tokenizer),
        "hidden_size": 32,
        "word_embed_proj_dim": 32,
        "ffn_dim": 64,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "max_position_embeddings": 64,
        "init_std": 0.5,
        "tie_word_embeddings": False,
    }
    if encodes:
        tower = {"d_model": 32, "d_kv": 16, "d_ff": 64, "num_layers": 2, "num_heads": 2}
        ids = {"eos_token_id": 3, "pad_token_id": 0, "decoder_start_token_id": 0, "vocab_size": len(tokenizer)}
        language = {"model_type": "t5", "initializer_factor": 5.0, "tie_word_embeddings": False, **tower, **ids}
    config = Blip2Config(
        vision_config=vision,
        qformer_config={**_TOWER, "vocab_size": len(tokenizer), "encoder_hidden_size": 32},
        text_config=language,
        num_query_tokens=4,
        image_token_index=image_token,
        tie_word_embeddings=False,
    )
    model = Blip2ForConditionalGeneration(config)
    model.save_pretrained(folder, **({} if shard_bytes is None else {"max_shard_size": shard_bytes}))
    _save_processors(folder, tokenizer)
    return folder


def make_tiny_git(folder: Path, *, seed: int = 0) -> Path:
    """The classes of git-base-coco: one transformer that reads pixels and words."""
    torch.manual_seed(seed)
    tokenizer = word_tokenizer()
    vision = {**_TOWER, "image_size": TINY_PIXELS, "patch_size": 8}
    config = GitConfig(vision_config=vision, vocab_size=len(tokenizer), max_position_embeddings=64, **_TOWER, **_TOKENS)
    GitForCausalLM(config).save_pretrained(folder)
    _save_processors(folder, tokenizer)
    return folder


def make_tiny_florence2(folder: Path, *, seed: int = 0, tells_length: bool = True) -> Path:
    """The classes of florence-community's Florence-2-base: a DaViT read by a BART, with its processor."""
    torch.manual_seed(seed)
    tokenizer = word_tokenizer(64)
    tokenizer.add_special_tokens({"additional_special_tokens": ["<image>"]})
    tokenizer.image_token, tokenizer.image_token_id = "<image>", tokenizer.convert_tokens_to_ids("<image>")
    vision = {
        "depths": (1, 1),
        "patch_size": (7, 3),
        "patch_stride": (4, 2),
        "patch_padding": (3, 1),
        "patch_prenorm": (False, True),
        "embed_dim": (16, 32),
        "num_heads": (2, 2),
        "num_groups": (2, 2),
        "window_size": 4,
        "projection_dim": 32,
        "initializer_range": 0.5,
    }
    language = {
        "model_type": "bart",
        "vocab_size": len(tokenizer),
        "d_model": 32,
        "encoder_layers": 2,
        "decoder_layers": 2,
        "encoder_attention_heads": 2,
        "decoder_attention_heads": 2,
        "encoder_ffn_dim": 64,
        "decoder_ffn_dim": 64,
        "max_position_embeddings": 64,
        "init_std": 0.5,
        "bos_token_id": 2,
        "eos_token_id": 3,
        "pad_token_id": 0,
        "decoder_start_token_id": 3,
        "forced_eos_token_id": 3,
    }
    ids = {"bos_token_id": 2, "eos_token_id": 3, "pad_token_id": 0, "image_token_id": tokenizer.image_token_id}
    config = Florence2Config(vision_config=vision, text_config=language, **ids)
    Florence2ForConditionalGeneration(config).save_pretrained(folder)
    length = {"image_seq_length": (TINY_PIXELS // 8) ** 2 + 1}
    size = {"height": TINY_PIXELS, "width": TINY_PIXELS}
    images = CLIPImageProcessorPil(size=size, do_center_crop=False, resample=3, **length)
    Florence2Processor(images, tokenizer).save_pretrained(folder)
    if not tells_length:
        path = folder / "processor_config.json"
        told = json.loads(path.read_text())
        del told["image_processor"]["image_seq_length"]
        path.write_text(json.dumps(told))
    return folder


def _save_processors(folder: Path, tokenizer: PreTrainedTokenizerFast) -> None:
    BlipImageProcessorPil(size={"height": TINY_PIXELS, "width": TINY_PIXELS}).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
