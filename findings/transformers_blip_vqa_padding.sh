#!/usr/bin/env bash
# transformers 5.23: BlipForQuestionAnswering.generate lets the decoder attend to the padding of a question, whatever
# the attention_mask says. So in a batch of questions of several lengths, an answer may differ from the one that the
# same question gets alone. Expected: a masked token changes nothing.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check torch==2.13.0 transformers==5.23.0
"$folder/venv/bin/python" >"$folder/seen" 2>"$folder/log" <<'PYTHON'
import torch
from transformers import BlipConfig, BlipForQuestionAnswering

torch.manual_seed(7)
tower = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2}
tower |= {"initializer_range": 0.5}
ids = {"bos_token_id": 2, "eos_token_id": 3, "sep_token_id": 3, "pad_token_id": 0}
text = tower | ids | {"vocab_size": 32, "max_position_embeddings": 64, "encoder_hidden_size": 32}
vision = tower | {"image_size": 32, "patch_size": 8}
model = BlipForQuestionAnswering(BlipConfig(text_config=text, vision_config=vision)).eval()
pixels = torch.randn(1, 3, 32, 32)
changed = 0
for seed in range(20):
    words = torch.randint(4, 32, (3,), generator=torch.Generator().manual_seed(seed)).tolist()
    alone = torch.tensor([[2, *words, 3]])
    padded = torch.tensor([[2, *words, 3, 0, 0, 0, 0, 0, 0]])
    answers = [
        model.generate(pixel_values=pixels, input_ids=given, attention_mask=(given != 0).long(), max_new_tokens=8)
        for given in (alone, padded)
    ]
    changed += answers[0].tolist() != answers[1].tolist()
print("answers change with masked padding:", changed > 0)
PYTHON
diff "$folder/seen" - <<'SEEN'
answers change with masked padding: True
SEEN
