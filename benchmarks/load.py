"""How fast a full-size model opens, and in how much memory, beside building it and copying the weights in.

    python benchmarks/load.py [--folder DIR] [--precision fp16|bf16] [--without-baseline]

Writes a full-size file of random weights (about 5 GB, removed at the end) and opens it in fresh processes: once as
the engine does, reading every weight afterwards, and once the usual way, which builds the modules, fills them with
initial numbers and copies the file's into them. On Linux the file is first dropped from the system's cache, so that
it is read from the disk.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.peak_memory import peak_memory_gb

_BLOCK_NUMBERS = 1 << 24


def write_random_weights(path: Path, precision: str) -> None:
    """Write a full-size file of random weights, as an import does, without a checkpoint to import."""
    import torch

    from backend.engines.tooncrafter.checkpoint import DTYPES, About, write_weights
    from backend.engines.tooncrafter.checkpoint_keys import wanted_keys
    from backend.engines.tooncrafter.configuration import read_configuration

    configuration = read_configuration()
    shapes = wanted_keys(configuration)
    chosen: Any = precision
    block = torch.randn(_BLOCK_NUMBERS, generator=torch.Generator().manual_seed(1)).to(DTYPES[chosen])

    def read(key: str) -> torch.Tensor:
        count = torch.Size(shapes[key]).numel()
        return block.repeat(-(-count // _BLOCK_NUMBERS))[:count].reshape(shapes[key])

    write_weights(path, About("model", chosen, configuration, ()), shapes, read)


def open_mapped(path: Path) -> list[Any]:
    """Open as the engine does."""
    from backend.engines.tooncrafter.checkpoint import open_model

    return list(open_model(path).parts().values())


def build_and_copy(path: Path) -> list[Any]:
    """Open the usual way, in the file's own precision."""
    import torch
    from safetensors.torch import load_file

    from backend.engines.tooncrafter.checkpoint import DTYPES, read_about
    from backend.engines.tooncrafter.checkpoint_keys import PREFIXES
    from backend.engines.tooncrafter.model import ToonCrafter
    from backend.engines.tooncrafter.network import Autoencoder, ImageProjector, TextTower, UNet, VisionTower

    about = read_about(path)
    configuration = about.configuration
    torch.set_default_dtype(DTYPES[about.precision])
    model = ToonCrafter(
        configuration,
        UNet(configuration.unet),
        Autoencoder(configuration.autoencoder),
        TextTower(configuration.clip.text),
        VisionTower(configuration.clip.vision),
        ImageProjector(configuration.image_projector),
    )
    weights = load_file(path)
    for name, part in model.parts().items():
        part.load_state_dict({key: weights[PREFIXES[name] + key] for key in part.state_dict()})
    return list(model.parts().values())


WAYS: dict[str, Callable[[Path], list[Any]]] = {"mapped": open_mapped, "build and copy": build_and_copy}


def measure(path: Path, way: str) -> dict[str, float]:
    """Open in this process; return seconds and peak memory in GB, also after every weight was read once."""
    import torch

    torch.set_num_threads(2)
    begun = time.perf_counter()
    parts = WAYS[way](path)
    opened = time.perf_counter()
    peak_opened = peak_memory_gb()
    total = sum(float(weight.double().sum()) for part in parts for weight in part.parameters() if weight.ndim < 2)
    for part in parts:
        for weight in part.parameters():
            total += float(weight.reshape(-1)[::1024].float().sum())
    read = time.perf_counter()
    assert total == total
    return {
        "open_s": opened - begun,
        "read_s": read - opened,
        "peak_opened_gb": peak_opened,
        "peak_gb": peak_memory_gb(),
    }


def drop_from_cache(path: Path) -> bool:
    """Make the system forget what it has of the file in memory, where it can be asked to."""
    if not hasattr(os, "posix_fadvise"):
        return False
    with path.open("rb") as file:
        os.fsync(file.fileno())
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
    return True


def measure_in_a_fresh_process(path: Path, way: str) -> dict[str, float]:
    """Run `measure` in a process of its own; adds the whole process's seconds, imports included."""
    cold = drop_from_cache(path)
    begun = time.perf_counter()
    command = [sys.executable, __file__, "--measure", way, str(path)]
    answer = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    facts: dict[str, float] = json.loads(answer.splitlines()[-1])
    return {**facts, "process_s": time.perf_counter() - begun, "cold": float(cold)}


def main() -> None:
    """Write, measure, report, remove."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, help="where 5 GB have room (default: the temporary folder)")
    parser.add_argument("--precision", choices=["fp16", "bf16"], default="fp16")
    parser.add_argument("--without-baseline", action="store_true")
    parser.add_argument("--measure", nargs=2, metavar=("WAY", "FILE"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.measure:
        print(json.dumps(measure(Path(arguments.measure[1]), arguments.measure[0])))
        return

    with tempfile.TemporaryDirectory(dir=arguments.folder) as folder:
        path = Path(folder) / "random.safetensors"
        begun = time.perf_counter()
        write_random_weights(path, arguments.precision)
        size = path.stat().st_size / 1e9
        print(f"wrote {size:.2f} GB in {time.perf_counter() - begun:.1f} s")
        ways = ["mapped"] if arguments.without_baseline else list(WAYS)
        results = {way: measure_in_a_fresh_process(path, way) for way in ways}

    print(f"{'':<16}{'open':>8}{'read':>8}{'process':>9}{'peak opened':>13}{'peak read':>11}{'peak/file':>11}")
    for way, facts in results.items():
        print(
            f"{way:<16}{facts['open_s']:>6.1f} s{facts['read_s']:>6.1f} s{facts['process_s']:>7.1f} s"
            f"{facts['peak_opened_gb']:>10.2f} GB{facts['peak_gb']:>8.2f} GB{facts['peak_gb'] / size:>11.2f}"
        )
    if "build and copy" in results:
        slow, fast = results["build and copy"], results["mapped"]
        print(
            f"mapped opens in {fast['open_s'] / slow['open_s']:.2f} of the time,"
            f" {(fast['open_s'] + fast['read_s']) / (slow['open_s'] + slow['read_s']):.2f} with every weight read,"
            f" and needs {fast['peak_gb'] / slow['peak_gb']:.2f} of the memory"
        )
    if not all(facts["cold"] for facts in results.values()):
        print("the file may have come from the system's cache")


if __name__ == "__main__":
    main()
