"""What pictures cost the encoders of the table: real architectures with random weights, in milliseconds of CPU.

CPU time counts no work of others on the machine. Two free cores take two seconds of it in one.
"""

import io
import os
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from rich.console import Console
from torch import Tensor, nn
from torch.nn import functional
from transformers import CLIPVisionConfig, CLIPVisionModelWithProjection

from core.adapters.decoding.pool import DecodeWorkers
from core.adapters.models.torch_runtime import choose_dtype
from core.evaluation import speed
from core.imaging.decode_request import DecodeRequest, PixelSpec
from core.settings import load_settings

pytestmark = pytest.mark.bench

PHOTOGRAPHS = Path(__file__).resolve().parents[3] / "shared" / "data" / "photos"
LARGE = {"hidden_size": 1024, "intermediate_size": 4096, "num_hidden_layers": 24, "num_attention_heads": 16}
VISION: dict[str, dict[str, int]] = {
    "ViT-B/32": {"patch_size": 32, "projection_dim": 512},
    "ViT-B/16": {"patch_size": 16, "projection_dim": 512},
    "ViT-L/14": {"patch_size": 14, "projection_dim": 768, **LARGE},
}
BATCH = int(os.environ.get("BENCH_BATCH", str(speed.BATCH)))
REPEATS = int(os.environ.get("BENCH_REPEATS", "2"))


class Bottleneck(nn.Module):
    """A block of CLIP's ResNet, whose stride is an average pool."""

    def __init__(self, inputs: int, planes: int, stride: int) -> None:
        super().__init__()
        self.first, self.first_norm = nn.Conv2d(inputs, planes, 1, bias=False), nn.BatchNorm2d(planes)
        self.second, self.second_norm = nn.Conv2d(planes, planes, 3, padding=1, bias=False), nn.BatchNorm2d(planes)
        self.third, self.third_norm = nn.Conv2d(planes, planes * 4, 1, bias=False), nn.BatchNorm2d(planes * 4)
        self.pool = nn.AvgPool2d(stride) if stride > 1 else nn.Identity()
        resized = stride > 1 or inputs != planes * 4
        way = (nn.Conv2d(inputs, planes * 4, 1, bias=False), nn.BatchNorm2d(planes * 4))
        self.around = nn.Sequential(self.pool, *way) if resized else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) -> (N, 4 P, H / stride, W / stride)."""
        y = functional.relu(self.first_norm(self.first(x)))
        y = self.pool(functional.relu(self.second_norm(self.second(y))))
        return functional.relu(self.third_norm(self.third(y)) + self.around(x))


class ResNet50(nn.Module):
    """CLIP's RN50: 38.3 M parameters, 224 px, 1,024 dimensions."""

    def __init__(self) -> None:
        super().__init__()
        sizes = [(3, 32, 2), (32, 32, 1), (32, 64, 1)]
        self.stem = nn.ModuleList(nn.Conv2d(a, b, 3, stride, 1, bias=False) for a, b, stride in sizes)
        self.norms = nn.ModuleList(nn.BatchNorm2d(b) for _, b, _ in sizes)
        blocks, inputs = [], 64
        for planes, count, stride in ((64, 3, 1), (128, 4, 2), (256, 6, 2), (512, 3, 2)):
            blocks += [
                Bottleneck(inputs, planes, stride),
                *(Bottleneck(planes * 4, planes, 1) for _ in range(count - 1)),
            ]
            inputs = planes * 4
        self.blocks = nn.Sequential(*blocks)
        self.positions = nn.Parameter(torch.randn(50, 2048))
        self.queries, self.keys, self.values = (nn.Linear(2048, 2048) for _ in range(3))
        self.project = nn.Linear(2048, 1024)

    def forward(self, pixel_values: Tensor) -> Tensor:
        """(N, 3, 224, 224) -> (N, 1024)."""
        x = pixel_values
        for layer, norm in zip(self.stem, self.norms, strict=True):
            x = functional.relu(norm(layer(x)))
        x = self.blocks(functional.avg_pool2d(x, 2)).flatten(2).transpose(1, 2)  # (N, 49, 2048)
        x = torch.cat([x.mean(1, keepdim=True), x], 1) + self.positions
        queries, keys, values = (
            layer(part).unflatten(-1, (32, 64)).transpose(1, 2)
            for layer, part in ((self.queries, x[:, :1]), (self.keys, x), (self.values, x))
        )
        pooled = functional.scaled_dot_product_attention(queries, keys, values)  # (N, 32, 1, 64)
        return self.project(pooled.flatten(1))


class Vision(nn.Module):
    def __init__(self, config: dict[str, int]) -> None:
        super().__init__()
        self.tower = CLIPVisionModelWithProjection(CLIPVisionConfig(**config))

    def forward(self, pixel_values: Tensor) -> Tensor:
        return self.tower(pixel_values=pixel_values).image_embeds


def test_encoders(tmp_path: Path) -> None:
    """A line for each as soon as it is measured: on a busy machine the last one takes minutes."""
    say = Console(width=160).print
    decoding = _measure_decoding()
    picked = choose_dtype(torch.device("cpu"))
    say(f"batches of {BATCH}, {torch.get_num_threads()} threads; decoding takes {decoding:.1f} ms of CPU a picture")
    first = None
    for name in [*VISION, "RN50"]:
        model = (Vision(VISION[name]) if name in VISION else ResNet50()).eval()
        count = sum(p.numel() for p in model.parameters()) / 1e6
        images = torch.randn(BATCH, 3, 224, 224)
        plain = _measure(partial(model, images))
        onnx = _measure_onnx(model, images, tmp_path / "model.onnx") if name == "RN50" else None
        model, images = model.to(picked), images.to(picked)
        chosen = _measure(partial(model, images))
        best = onnx or chosen  # what BucketLens runs it with
        first = first or best
        took = f"torch float32 {plain:.1f}, {picked} {chosen:.1f}" + (f", ONNX Runtime {onnx:.1f}" if onnx else "")
        free = f"two free cores: {2000 / best:.1f} pictures/s, {2000 / (best + decoding):.1f} with decoding"
        beside = f"{best / first:.2f} times ViT-B/32; load {os.getloadavg()[0]:.0f}"
        say(f"{name} ({count:.1f} M): {took} ms of CPU a picture; {free}; {beside}")


def _measure(run: Callable[[], Any]) -> float:
    """The least CPU time of some batches, in ms a picture, after one that is not counted."""
    times = []
    with torch.inference_mode():
        for _ in range(REPEATS + 1):
            started = time.process_time()
            run()
            times.append(time.process_time() - started)
    return min(times[1:]) * 1000 / BATCH


def _measure_onnx(model: nn.Module, images: Tensor, path: Path) -> float:
    import onnxruntime

    torch.onnx.export(
        model, (images,), path, input_names=["pixel_values"], external_data=True, dynamo=True, verbose=False
    )
    options = onnxruntime.SessionOptions()
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.intra_op_num_threads = torch.get_num_threads()
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    values = images.numpy()
    taken = _measure(lambda: session.run(None, {"pixel_values": values}))
    for file in path.parent.iterdir():
        file.unlink()
    return taken


def _measure_decoding() -> float:
    """CPU time of decoding a photograph to 224 px and a thumbnail, in ms; of made pictures where there are none."""
    paths = sorted(PHOTOGRAPHS.rglob("*.jp*g")) if PHOTOGRAPHS.is_dir() else []
    pictures = [path.read_bytes() for path in paths] or speed.make_pictures(32)
    sizes = [np.prod(Image.open(io.BytesIO(data)).size) / 1e6 for data in pictures]
    Console().print(f"{len(pictures)} photographs of {np.median(sizes):.1f} megapixels")
    spec = PixelSpec(224, "crop", Image.Resampling.BICUBIC)
    workers = DecodeWorkers(load_settings().decode.limits)
    workers.submit(pictures[0], DecodeRequest(pixels=spec, thumbnail=512)).result()

    def children() -> float:
        return sum(map(_cpu_seconds, workers_of_this_process()))

    before = children()
    for future in [workers.submit(data, DecodeRequest(pixels=spec, thumbnail=512)) for data in pictures]:
        future.result()
    taken = children() - before
    workers.close()
    return taken * 1000 / len(pictures)


def workers_of_this_process() -> list[int]:
    """The processes below this one."""
    return [int(pid) for task in Path("/proc/self/task").iterdir() for pid in (task / "children").read_text().split()]


def _cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
