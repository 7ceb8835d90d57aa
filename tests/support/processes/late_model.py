"""`bucketlens` whose model is loaded only once there is a file of the name that BUCKETLENS_GO_AHEAD tells."""

import os
import time
from pathlib import Path
from typing import Any

import bucketlens.cli
from core.adapters.models.encoders import loader
from core.ports.encoders import Encoder


def main() -> None:
    load, go_ahead = loader.load_encoder, Path(os.environ.pop("BUCKETLENS_GO_AHEAD"))

    def load_then(name_or_path: str, **options: Any) -> Encoder:
        while not go_ahead.exists():
            time.sleep(0.02)
        return load(name_or_path, **options)

    loader.load_encoder = load_then
    bucketlens.cli.main()
