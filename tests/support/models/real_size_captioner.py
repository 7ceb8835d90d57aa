"""A captioner with the sizes of vit-gpt2 and random weights: it costs what the real one costs."""

from pathlib import Path

import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import (
    GenerationConfig,
    GPT2Config,
    PreTrainedTokenizerFast,
    VisionEncoderDecoderConfig,
    VisionEncoderDecoderModel,
    ViTConfig,
    ViTImageProcessorPil,
)

TOKENS = 16  # every caption has so many: random weights end none by themselves


def make_real_size_captioner(folder: Path, *, depth: int = 12, width: int = 768, words: int = 50257) -> Path:
    """Write a ViT-B/16 of 224 px that GPT-2 reads; smaller ones for trying out."""
    torch.manual_seed(0)
    heads = max(1, width // 64)
    tower = {"hidden_size": width, "intermediate_size": 4 * width}
    encoder = ViTConfig(**tower, num_hidden_layers=depth, num_attention_heads=heads)
    language = {"n_embd": width, "n_layer": depth, "n_head": heads, "vocab_size": words, "add_cross_attention": True}
    ids = {"bos_token_id": 2, "eos_token_id": 3, "pad_token_id": 0}
    config = VisionEncoderDecoderConfig.from_encoder_decoder_configs(
        encoder, GPT2Config(**language, **ids), decoder_start_token_id=2, eos_token_id=3, pad_token_id=0
    )
    model = VisionEncoderDecoderModel(config)
    model.generation_config = GenerationConfig(
        decoder_start_token_id=2, max_new_tokens=TOKENS, min_new_tokens=TOKENS, do_sample=False, **ids
    )
    model.save_pretrained(folder)
    ViTImageProcessorPil(size={"height": 224, "width": 224}, resample=2).save_pretrained(folder)
    vocabulary = {word: number for number, word in enumerate(["<pad>", "<unk>", "<s>", "</s>"])}
    vocabulary |= {f"w{number}": number for number in range(len(vocabulary), words)}
    inner = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    inner.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=inner, pad_token="<pad>", unk_token="<unk>", bos_token="<s>", eos_token="</s>"
    )
    tokenizer.save_pretrained(folder)
    return folder
