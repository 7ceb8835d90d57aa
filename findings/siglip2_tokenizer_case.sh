#!/usr/bin/env bash
# transformers 5.23.0: a SigLIP 2 of fixed resolution says model_type "siglip" and tokenizer_class "GemmaTokenizer", as
# google's files do. Siglip2Tokenizer lower-cases texts, as the model was trained. AutoTokenizer, and so AutoProcessor
# and sentence-transformers 6.2.0, do not: "A RED CAR" becomes other tokens than "a red car". Sentence-transformers also
# pads to the longest text of a batch, where the model takes the vector of the 64th place.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check transformers==5.23.0 tokenizers
"$folder/venv/bin/python" - "$folder" >"$folder/seen" 2>"$folder/errors" <<'PYTHON' || { cat "$folder/errors"; exit 1; }
import json
import sys
from pathlib import Path

from tokenizers import Tokenizer, models, normalizers, pre_tokenizers
from transformers import AutoTokenizer, PreTrainedTokenizerFast
from transformers.models.siglip2.tokenization_siglip2 import Siglip2Tokenizer

folder = Path(sys.argv[1], "model")
special = ["<pad>", "<eos>", "<bos>", "<unk>"]
vocabulary = {t: n for n, t in enumerate([*special, *(f"<0x{b:02X}>" for b in range(256)), *"acder▁"])}
inner = Tokenizer(models.BPE(vocab=vocabulary, merges=[], unk_token="<unk>", fuse_unk=True, byte_fallback=True))
inner.normalizer, inner.pre_tokenizer = normalizers.Replace(" ", "▁"), pre_tokenizers.Split(" ", "merged_with_previous")
PreTrainedTokenizerFast(tokenizer_object=inner, unk_token="<unk>", pad_token="<pad>").save_pretrained(folder)
path = folder / "tokenizer_config.json"
path.write_text(json.dumps(json.loads(path.read_text()) | {"tokenizer_class": "GemmaTokenizer"}))
(folder / "config.json").write_text(json.dumps({"model_type": "siglip"}))
for tokenizer in (AutoTokenizer.from_pretrained(folder), Siglip2Tokenizer.from_pretrained(folder)):
    same = tokenizer("A RED CAR")["input_ids"] == tokenizer("a red car")["input_ids"]
    print(f"{type(tokenizer).__name__}: capitals are the same tokens: {same}")
PYTHON
diff "$folder/seen" - <<'SEEN'
GemmaTokenizer: capitals are the same tokens: False
Siglip2Tokenizer: capitals are the same tokens: True
SEEN
