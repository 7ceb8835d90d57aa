"""What the name of a file or folder says: plainly no picture, hidden, rubbish of a system. Shared by all stores."""

import os

# Everything that is not named here is tried: a damaged or foreign picture is to be told of.
_OTHER_SUFFIXES = frozenset(
    b""".txt .md .markdown .rst .log .csv .tsv .json .jsonl .xml .yaml .yml .toml .ini .cfg .conf .html .htm .css .js
    .ts .py .pyc .ipynb .c .h .cc .cpp .rs .go .java .rb .sh .bat .ps1 .sql .db .sqlite .sqlite3 .lock .tmp .part .bak
    .mp4 .m4v .mov .avi .mkv .webm .mpg .mpeg .wmv .3gp .mts .mp3 .m4a .wav .flac .ogg .aac .zip .tar .gz .bz2 .xz .zst
    .7z .rar .iso .dmg .exe .dll .so .apk .pdf .doc .docx .xls .xlsx .ppt .pptx .odt .ods .odp .rtf .epub .ttf .otf
    .woff .woff2 .xmp .aae .thm .lrcat .url .lnk .plist .pkl .npy .npz .h5 .parquet .pt .safetensors .onnx""".split()
)
_OTHER_NAMES = frozenset((b"thumbs.db", b"desktop.ini", b"license", b"licence", b"readme", b"makefile", b"version"))
_OTHER_FOLDERS = frozenset((b"@eadir", b"$recycle.bin", b"system volume information", b"lost+found", b"__macosx"))


def no_picture(name: bytes) -> str | None:
    """Say why a file of this name is plainly no picture; None where it may be one."""
    name = name.lower()
    suffix = os.path.splitext(name)[1]
    if suffix in _OTHER_SUFFIXES:
        return f"{suffix.decode()} files are no pictures"
    return "no picture by its name" if name in _OTHER_NAMES else None


def is_hidden(name: bytes) -> bool:
    """Tell whether the name starts with a dot. "." and "..", which a bucket may hold, are names like any other."""
    return name.startswith(b".") and name not in (b".", b"..")


def is_rubbish(folder: bytes) -> bool:
    """Tell whether it is a folder of thumbnails or rubbish that systems keep."""
    return folder.lower() in _OTHER_FOLDERS
