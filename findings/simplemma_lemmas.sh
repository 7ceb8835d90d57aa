#!/usr/bin/env bash
# simplemma 2.0.0, English: lemmas of common words that are other words, or none: "bare" becomes the animal, "skies" the
# sport, and "playing" a word that does not exist. Forms in -ing of verbs that double their consonant stay as they are.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check simplemma==2.0.0
"$folder/venv/bin/python" - >"$folder/seen" <<'PYTHON'
import simplemma

for word in ("bare", "skies", "playing", "cutting", "hanging", "wolves"):
    print(word, simplemma.lemmatize(word, lang="en"))
PYTHON
diff "$folder/seen" - <<'SEEN'
bare bear
skies ski
playing playe
cutting cutting
hanging hanging
wolves wolf
SEEN
