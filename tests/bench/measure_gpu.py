"""Measure encoders, captions and decoding on a GPU: one call, under eight minutes, no network, random weights.

    python -m tests.bench.measure_gpu --json gpu.json

It takes torch, transformers and Pillow, and torchvision to decode JPEGs on the GPU. Without a GPU it measures the CPU;
`--small` makes that quick.
"""

import argparse
import io
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import transformers
from PIL import Image
from torch.nn import functional
from transformers import (
    CLIPVisionConfig,
    CLIPVisionModelWithProjection,
    GPT2Config,
    VisionEncoderDecoderConfig,
    VisionEncoderDecoderModel,
    ViTConfig,
)

SIDE = 224
TOKENS = 16
_VOCABULARY = 50257
_LARGE = {"hidden_size": 1024, "intermediate_size": 4096, "num_hidden_layers": 24, "num_attention_heads": 16}
_TINY = {"hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 1, "num_attention_heads": 1}


@dataclass(frozen=True, slots=True)
class Result:
    """How many pictures went through a piece of work in a second. Shares of use are from 0 to 1."""

    work: str
    batch: int
    pictures_per_second: float
    gpu_use: float | None
    cpu_use: float
    note: str = ""


class Bench:
    """Measures pieces of work, each for some seconds, until the time for all of them is over."""

    def __init__(self, device: torch.device, *, seconds: float, limit: float) -> None:
        self.device = device
        self.results: list[Result] = []
        self._seconds = seconds
        self._end = time.perf_counter() + limit

    def measure(self, work: str, batch: int, run: Callable[[], object]) -> None:
        """Measure calls that take `batch` pictures each, after two that do not count. What fails becomes a note."""
        if time.perf_counter() + 2 * self._seconds > self._end:
            self._add(Result(work, batch, 0.0, None, 0.0, "left out: the time was over"))
            return
        try:
            for _ in range(2):
                run()
            self._wait()
            with sample_gpu(self.device) as samples:
                began, cpu, calls = time.perf_counter(), time.process_time(), 0
                while time.perf_counter() - began < self._seconds:
                    run()
                    self._wait()
                    calls += 1
                wall, cpu = time.perf_counter() - began, time.process_time() - cpu
        except (RuntimeError, ImportError, ValueError) as error:  # no kernel, no library, no memory
            self._add(Result(work, batch, 0.0, None, 0.0, str(error).splitlines()[0][:100]))
            return
        used = sum(samples) / len(samples) / 100 if samples else None
        self._add(Result(work, batch, calls * batch / wall, used, cpu / wall / (os.cpu_count() or 1)))

    def _add(self, result: Result) -> None:
        self.results.append(result)
        gpu = "" if result.gpu_use is None else f"{result.gpu_use:.0%}"
        say(
            f"{result.work:<46} {result.batch:>5} {result.pictures_per_second:>10,.1f}/s  GPU {gpu:>4}  "
            f"CPU {result.cpu_use:.0%}  {result.note}"
        )

    def _wait(self) -> None:
        if self.device.type == "cuda":
            torch.cuda.synchronize()


def say(line: str) -> None:
    """Write a line at once: a run that is cut off has told what it had."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


@contextmanager
def sample_gpu(device: torch.device) -> Iterator[list[float]]:
    """Sample the GPU's use in percent, five times a second, while the block runs; nothing where there is no GPU."""
    samples: list[float] = []
    if device.type != "cuda":
        yield samples
        return
    query = ["nvidia-smi", "--query-gpu=utilization.gpu", "--format=csv,noheader,nounits", "--loop-ms=200", "--id=0"]
    with tempfile.TemporaryFile("w+") as told:
        try:
            sampler = subprocess.Popen(query, stdout=told, stderr=subprocess.DEVNULL)
        except OSError:
            yield samples
            return
        try:
            yield samples
        finally:
            sampler.terminate()
            sampler.wait()
            told.seek(0)
            samples += [float(line) for line in told.read().split() if line.replace(".", "").isdigit()]


def make_encoders(*, small: bool) -> dict[str, dict[str, Any]]:
    """Return the settings of the image towers by their names."""
    if small:
        return {"ViT-tiny": {**_TINY, "patch_size": 32, "projection_dim": 16}}
    return {
        "ViT-B/32": {"patch_size": 32, "projection_dim": 512},
        "ViT-L/14": {"patch_size": 14, "projection_dim": 768, **_LARGE},
    }


def make_captioner(*, small: bool) -> VisionEncoderDecoderModel:
    """Make a ViT-GPT2 with random weights."""
    ids = {"bos_token_id": 2, "eos_token_id": 3, "pad_token_id": 0}
    tower = {**_TINY, "patch_size": 32} if small else {}
    language = {"n_embd": 64, "n_layer": 1, "n_head": 1, "vocab_size": 100} if small else {"vocab_size": _VOCABULARY}
    config = VisionEncoderDecoderConfig.from_encoder_decoder_configs(
        ViTConfig(**tower), GPT2Config(**language, add_cross_attention=True, **ids), decoder_start_token_id=2, **ids
    )
    return VisionEncoderDecoderModel(config).eval()


def make_jpegs(count: int, size: tuple[int, int]) -> list[bytes]:
    """Make JPEG files of smooth light with grain, which cost to decode what photographs cost."""
    random = np.random.default_rng(1)
    files = []
    for _ in range(count):
        light = Image.fromarray(random.integers(0, 256, (12, 16, 3), dtype=np.uint8))
        coarse = np.asarray(light.resize(size, Image.Resampling.BICUBIC), dtype=np.float32)
        picture = np.clip(coarse + random.normal(0, 6, (size[1], size[0], 1)), 0, 255).astype(np.uint8)
        file = io.BytesIO()
        Image.fromarray(picture).save(file, "JPEG", quality=85)
        files.append(file.getvalue())
    return files


def decode_on_cpu(data: bytes) -> torch.Tensor:
    """Decode a JPEG at the least size that keeps twice the input: -> (3, 224, 224) uint8."""
    with Image.open(io.BytesIO(data)) as picture:
        picture.draft("RGB", (2 * SIDE, 2 * SIDE))
        squared = picture.convert("RGB").resize((SIDE, SIDE), Image.Resampling.BICUBIC)
    return torch.from_numpy(np.array(squared)).permute(2, 0, 1)


def decode_on_gpu(files: Sequence[bytes], device: torch.device) -> torch.Tensor:
    """Decode JPEGs with nvJPEG: -> (N, 3, 224, 224) uint8 on the device. Raises ImportError or RuntimeError."""
    from torchvision.io import ImageReadMode, decode_jpeg

    given = [torch.frombuffer(bytearray(data), dtype=torch.uint8) for data in files]
    decoded = decode_jpeg(given, mode=ImageReadMode.RGB, device=device)
    return torch.cat(
        [functional.interpolate(one[None].float(), (SIDE, SIDE), mode="bilinear", antialias=True) for one in decoded]
    ).to(torch.uint8)


def to_input(pixels: torch.Tensor, device: torch.device, dtype: torch.dtype) -> torch.Tensor:
    """Normalise (N, 3, S, S) uint8 on the device."""
    return (pixels.to(device, non_blocking=True).float() / 127.5 - 1).to(dtype)


def run_all(bench: Bench, *, small: bool) -> None:
    """Measure decoding, encoders alone and after either way of decoding, and captions."""
    device = bench.device
    gpu = device.type == "cuda"
    dtypes = (torch.bfloat16, torch.float32) if gpu else (torch.float32,)
    batches = (4,) if small else (32, 128, 512) if gpu else (8,)
    files = make_jpegs(4 if small else 64, (320, 240) if small else (1280, 960))
    with ThreadPoolExecutor(os.cpu_count()) as threads, torch.inference_mode():

        def read(batch: int) -> torch.Tensor:
            return torch.stack(list(threads.map(decode_on_cpu, (files * (batch // len(files) + 1))[:batch])))

        def read_on_gpu(batch: int) -> torch.Tensor:
            return decode_on_gpu((files * (batch // len(files) + 1))[:batch], device)

        whole = batches[min(1, len(batches) - 1)]
        bench.measure("decode on the CPU", whole, lambda: read(whole))
        if gpu:
            bench.measure("decode on the GPU", whole, lambda: read_on_gpu(whole))
        for name, settings in make_encoders(small=small).items():
            for dtype in dtypes:
                model = CLIPVisionModelWithProjection(CLIPVisionConfig(**settings)).eval().to(device, dtype)
                label = f"{name}, {str(dtype).removeprefix('torch.')}"
                for batch in batches:
                    images = torch.zeros(batch, 3, SIDE, SIDE, device=device, dtype=dtype)
                    bench.measure(f"encode, {label}", batch, lambda m=model, i=images: m(pixel_values=i))
                if dtype is dtypes[0]:
                    measure_whole(bench, label, model, dtype, whole, read, read_on_gpu if gpu else None, threads)
        captioner: Any = make_captioner(small=small)
        for dtype in dtypes:
            captioner.to(device, dtype)
            for batch in batches[:2]:
                images = torch.zeros(batch, 3, SIDE, SIDE, device=device, dtype=dtype)
                bench.measure(
                    f"caption, {TOKENS} tokens, {str(dtype).removeprefix('torch.')}",
                    batch,
                    lambda i=images: captioner.generate(
                        pixel_values=i, max_new_tokens=TOKENS, min_new_tokens=TOKENS, do_sample=False
                    ),
                )


def measure_whole(
    bench: Bench,
    label: str,
    model: Any,
    dtype: torch.dtype,
    batch: int,
    read: Callable[[int], torch.Tensor],
    read_on_gpu: Callable[[int], torch.Tensor] | None,
    threads: ThreadPoolExecutor,
) -> None:
    """Measure decoding and encoding together; the CPU decodes the next batch while the device encodes this one."""
    with ThreadPoolExecutor(1) as ahead:
        waiting = [ahead.submit(read, batch)]

        def decode_and_encode() -> None:
            pixels = waiting.pop().result()
            waiting.append(ahead.submit(read, batch))
            model(pixel_values=to_input(pixels, bench.device, dtype))

        bench.measure(f"decode on the CPU and encode, {label}", batch, decode_and_encode)
        waiting.pop().result()
    if read_on_gpu is not None:
        bench.measure(
            f"decode on the GPU and encode, {label}",
            batch,
            lambda: model(pixel_values=to_input(read_on_gpu(batch), bench.device, dtype)),
        )


def describe(device: torch.device) -> dict[str, Any]:
    """Describe the machine, with the versions of what computes."""
    name = torch.cuda.get_device_name(0) if device.type == "cuda" else platform.processor() or platform.machine()
    versions = {"torch": torch.__version__, "transformers": transformers.__version__}
    return {"device": name, "cores": os.cpu_count(), "python": platform.python_version(), **versions}


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, print a line for each piece of work, and write all as JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", type=Path, default=Path("gpu.json"), help="file to write")
    parser.add_argument("--seconds", type=float, default=6.0, help="how long each piece of work is measured")
    parser.add_argument("--limit", type=float, default=420.0, help="seconds after which nothing more is begun")
    parser.add_argument("--small", action="store_true", help="tiny models, to try the script out")
    given = parser.parse_args(arguments)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    about = describe(device)
    say(", ".join(f"{name} {value}" for name, value in about.items()))
    bench = Bench(device, seconds=given.seconds, limit=given.limit)
    run_all(bench, small=given.small)
    found = {"machine": about, "results": [asdict(result) for result in bench.results]}
    given.json.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
