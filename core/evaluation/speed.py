"""How many pictures a model takes in a second: the model alone, and with reading and decoding before it."""

import io
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import cycle, islice
from statistics import median

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from core.imaging.decode_request import DecodeRequest, PixelSpec
from core.ports.decoder import Decoder

BATCH = 32
_SIZE = (1280, 960)
_AHEAD = 2 * BATCH  # pictures that are decoded before they are wanted

Run = Callable[[NDArray[np.uint8]], object]  # a model's call with a batch, (N, S, S, 3) uint8


@dataclass(frozen=True, slots=True)
class Speed:
    """Pictures a second in batches of `batch`: of the `model` alone, and `whole`, from the bytes of a picture on."""

    model: float
    whole: float
    batch: int = BATCH


def measure_speed(
    run: Run, spec: PixelSpec, decoder: Decoder, pictures: Sequence[bytes], *, seconds: float, batch: int = BATCH
) -> Speed:
    """Measure a model for about twice so many seconds, after one batch that is not counted.

    The model alone is told by its median batch of noise. Raises ImageError where a picture cannot be decoded.
    """
    side = spec.size
    noise = np.random.default_rng(0).integers(0, 256, (batch, side, side, 3), dtype=np.uint8)
    run(noise)
    times: list[float] = []
    while sum(times) < seconds or len(times) < 2:
        times.append(_time(lambda: run(noise)))
    model = batch / median(times)
    count = max(batch, round(seconds * model / batch) * batch)
    decoded = _decode(decoder, islice(cycle(pictures), count), spec)
    started = time.perf_counter()
    done = 0
    while pixels := list(islice(decoded, batch)):
        run(np.stack(pixels))
        done += len(pixels)
    return Speed(model, done / (time.perf_counter() - started), batch)


def make_pictures(count: int) -> list[bytes]:
    """Make JPEG files of 1280 × 960 pixels, as dear to decode as photographs of that size."""
    random = np.random.default_rng(1)
    return [_make_picture(random) for _ in range(count)]


def _make_picture(random: np.random.Generator) -> bytes:
    """Make smooth light and shade with grain, about 200 KB."""
    light = Image.fromarray(random.integers(0, 256, (12, 16, 3), dtype=np.uint8))
    coarse = light.resize(_SIZE, Image.Resampling.BICUBIC)
    grain = random.normal(0, 6, (_SIZE[1], _SIZE[0], 1))
    picture = np.clip(np.asarray(coarse, dtype=np.float32) + grain, 0, 255).astype(np.uint8)
    file = io.BytesIO()
    Image.fromarray(picture).save(file, "JPEG", quality=85)
    return file.getvalue()


def _decode(decoder: Decoder, pictures: Iterator[bytes], spec: PixelSpec) -> Iterator[NDArray[np.uint8]]:
    """Decode in workers ahead of who takes the pixels, in order."""
    waiting = [decoder.submit(data, DecodeRequest(pixels=spec)) for data in islice(pictures, _AHEAD)]
    while waiting:
        decoded = waiting.pop(0).result()
        if (data := next(pictures, None)) is not None:
            waiting.append(decoder.submit(data, DecodeRequest(pixels=spec)))
        assert decoded.pixels is not None
        yield decoded.pixels


def _time(call: Callable[[], object]) -> float:
    started = time.perf_counter()
    call()
    return time.perf_counter() - started
