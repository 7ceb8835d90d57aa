"""Make the demo models from nothing: train both, measure them, write the figures into the README.

    python -m demo.train

Takes one to two hours on two cores. Interrupted, it continues from its last checkpoint; for a fresh start,
delete `.cache/demo-models`.
"""

from __future__ import annotations

import logging

from demo.evaluation.evaluate import evaluate, write_figures
from demo.models.train_captioner import train_captioner
from demo.models.train_clip import train_clip


def main() -> None:
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    train_clip()
    train_captioner()
    write_figures(evaluate())


if __name__ == "__main__":
    main()
