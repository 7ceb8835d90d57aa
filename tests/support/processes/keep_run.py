"""`bucketlens ingest` with every real part but the models: `python keep_run.py ARGUMENTS…`, or `main` of a fork."""

import sys
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))

import ingest.commands.ingest
from core.bootstrap import Container
from core.domain.vectors import Matrix
from core.errors import BucketLensError
from tests.support.fakes import ColourCaptioner, ColourEncoder


class UnhurriedEncoder(ColourEncoder):
    def encode_images(self, pixels: np.ndarray) -> Matrix:
        time.sleep(0.02 * len(pixels))
        return super().encode_images(pixels)


def main() -> None:
    Container.encoder = UnhurriedEncoder()  # type: ignore[assignment]
    Container.captioner = ColourCaptioner()  # type: ignore[assignment]
    try:
        ingest.commands.ingest.ingest(sys.argv[1:])
    except BucketLensError as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(error.exit_code)


if __name__ == "__main__":
    main()
