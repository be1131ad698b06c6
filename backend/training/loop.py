"""The training loop: steps, states, numbers and pictures, the same for every stage.

Hugging Face accelerate places it on any device, in any precision, on one card or several.
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState
from accelerate.utils import DataLoaderConfiguration, DistributedDataParallelKwargs
from torch.utils.data import DataLoader
from torch.utils.tensorboard import SummaryWriter

from ..errors import UserError
from .average import RunningAverage
from .configuration import TrainingConfiguration
from .draws import Draws
from .parameter_groups import table_of
from .run_state import newest_state, write_state
from .stage import Player, Stage
from .windows import Batch, Windows, collate

_log = logging.getLogger(__name__)

#: Told each line that a person should read.
Say = Callable[[str], None]

STATES, NUMBERS = "states", "tensorboard"
#: So many steps in a row without a finite gradient end the run.
_MOST_LOST = 20
#: Tells the numbers drawn for held-out clips from those of training.
_HELD_OUT = -1


class Training:
    """One run of a stage, from its newest state on.

    Raises UserError: "training-diverged", "training-state-foreign" and what reading dataset and state raises.
    """

    def __init__(self, stage: Stage, configuration: TrainingConfiguration, frames: int, say: Say) -> None:
        self._configuration, self._say = configuration, say
        self._options = configuration.optimisation
        self._out = Path(configuration.out)
        AcceleratorState._reset_state()  # accelerate remembers the precision of a run before this one
        self._accelerator = Accelerator(
            mixed_precision=self._options.precision,
            gradient_accumulation_steps=self._options.accumulation,
            dataloader_config=DataLoaderConfiguration(dispatch_batches=False),
            kwargs_handlers=[DistributedDataParallelKwargs(find_unused_parameters=len(stage.players) > 1)],
        )
        self._stage = stage
        self._window = frames if stage.window is None else stage.window
        self._prepared = self._accelerator.prepare_model(stage)
        self._optimisers = {
            player.name: self._accelerator.prepare_optimizer(_optimiser(player, configuration))
            for player in stage.players
        }
        main = stage.players[0]
        self._average = RunningAverage(main.parameters, self._options.average) if self._options.average else None
        self._step = 0
        self._lost = 0
        self._seconds = 0.0
        self._resume()

    def run(self) -> list[Path]:
        """Train to the last step and return the exported files."""
        options, reporting = self._options, self._configuration.reporting
        if self._accelerator.is_main_process:
            self._say(table_of(self._stage.groups))
            devices = f"{self._accelerator.num_processes} × {self._accelerator.device}"
            self._say(f"{devices}, steps {self._step} to {options.steps}")
        with SummaryWriter(str(self._out / NUMBERS), purge_step=self._step) as writer:
            begun, sums, passes = time.monotonic(), dict[str, float](), 0
            batches = iter(self._batches())
            while self._step < options.steps:
                for number in range(options.accumulation):
                    with self._accelerator.accumulate(self._prepared):
                        for name, value in self._pass(next(batches), number).items():
                            sums[name] = sums.get(name, 0.0) + value
                    passes += 1
                self._step += 1
                if self._average is not None:
                    self._average.update(self._step)
                if self._step % reporting.log_every == 0:
                    now = time.monotonic()
                    self._seconds += now - begun
                    means = {name: value / passes for name, value in sums.items()}
                    rate = passes * options.batch * self._accelerator.num_processes / (now - begun)
                    self._log(writer, means | {"samples per second": rate, "hours": self._seconds / 3600})
                    begun, sums, passes = now, {}, 0
                if self._step % reporting.sample_every == 0 or self._step == options.steps:
                    self._sample(writer)
                if self._step % reporting.save_every == 0 or self._step == options.steps:
                    self._save()
        return self._export()

    def _pass(self, batch: Batch, number: int) -> dict[str, float]:
        """Let every player play on one batch; returns the numbers of their losses."""
        numbers: dict[str, float] = {}
        rank = self._accelerator.process_index
        for player in self._stage.players:
            draws = Draws(self._configuration.seed, self._step, number, rank)
            with self._alone(player):
                with self._accelerator.autocast():
                    loss = self._prepared(batch, draws, player.name, self._step)
                self._accelerator.backward(loss.total)
            numbers |= {name: float(value.detach()) for name, value in loss.parts.items()}
            if self._accelerator.sync_gradients:
                numbers |= self._change(player)
        return numbers

    @contextmanager
    def _alone(self, player: Player) -> Iterator[None]:
        """Inside this block the other players' parameters get no gradient."""
        others = [one for other in self._stage.players if other is not player for one in other.parameters]
        for parameter in others:
            parameter.requires_grad_(False)
        try:
            yield
        finally:
            for parameter in others:
                parameter.requires_grad_(True)

    def _change(self, player: Player) -> dict[str, float]:
        """Let a player's optimiser take a step, unless its gradient is not finite: then it is as if lost."""
        optimiser = self._optimisers[player.name]
        for group in optimiser.param_groups:
            group["lr"] = player.learning_rate * group["share"] * self._rate()
        length = float(self._accelerator.clip_grad_norm_(list(player.parameters), self._options.gradient_norm))
        # In float16 an overflow is ordinary: the scaler leaves the step out by itself, and scales less.
        scaled = self._options.precision == "fp16"
        if math.isfinite(length) or scaled:
            optimiser.step()
        self._lost = 0 if math.isfinite(length) else self._lost + 1
        for parameter in player.parameters:
            parameter.grad = None
        if self._lost > _MOST_LOST:
            raise UserError(
                "training-diverged",
                f"{self._lost} steps in a row gave no finite numbers, the last of them step {self._step + 1}.",
                "The states before that are kept; go on with a lower learning rate, or with precision bf16.",
                bad_input=False,
            )
        return {f"gradient of the {player.name}": length} if math.isfinite(length) else {"lost steps": 1.0}

    def _rate(self) -> float:
        """Return the share of the learning rate at this step."""
        options = self._options
        warm = min(1.0, (self._step + 1) / max(1, options.warmup_steps))
        if options.decay == "none":
            return warm
        return warm * (0.05 + 0.95 * 0.5 * (1 + math.cos(math.pi * self._step / options.steps)))

    def _batches(self) -> Any:
        """Return the batches from here on, without end."""
        options, configuration = self._options, self._configuration
        windows = Windows(
            Path(configuration.dataset),
            "train",
            frames=self._window,
            strides=configuration.strides,
            seed=configuration.seed,
        )
        per_step = options.batch * options.accumulation * self._accelerator.num_processes
        rest = range(self._step * per_step, options.steps * per_step)
        loader = DataLoader(
            windows,
            batch_size=options.batch,
            sampler=rest,
            collate_fn=collate,
            num_workers=configuration.workers,
        )
        return _on_device(self._accelerator.prepare_data_loader(loader, device_placement=False), self._accelerator)

    def _held_out(self) -> Batch:
        windows = Windows(Path(self._configuration.dataset), "held-out", frames=self._window, strides=1, seed=0)
        count = min(self._configuration.reporting.held_out_clips, len(windows))
        return _placed(collate([windows.whole(number) for number in range(count)]), self._accelerator.device)

    def _sample(self, writer: SummaryWriter) -> None:
        """Write held-out losses and pictures, made with the average."""
        if not self._accelerator.is_main_process:
            return
        batch = self._held_out()
        self._stage.eval()
        with torch.no_grad(), self._averaged(), self._accelerator.autocast():
            player = self._stage.players[0].name
            losses = [self._stage(batch, Draws(_HELD_OUT, repeat), player, self._step).parts for repeat in range(4)]
            for name in losses[0]:
                value = sum(float(part[name]) for part in losses) / len(losses)
                writer.add_scalar(f"held-out/{name}", value, self._step)
                self._say(f"step {self._step}: held-out {name} {value:.4f}")
            rows = self._stage.show(batch, Draws(_HELD_OUT))
        self._stage.train()
        sheet = torch.cat([torch.cat(list(row), dim=-1) for row in rows.float().cpu()], dim=-2)
        writer.add_image("held-out", ((sheet.clamp(-1, 1) + 1) / 2 * 255).to(torch.uint8), self._step)

    def _averaged(self) -> Any:
        from contextlib import nullcontext

        return self._average.in_place() if self._average is not None else nullcontext()

    def _log(self, writer: SummaryWriter, numbers: Mapping[str, float]) -> None:
        if not self._accelerator.is_main_process:
            return
        for name, value in numbers.items():
            writer.add_scalar(f"training/{name}", value, self._step)
        shown = ", ".join(f"{name} {value:.4g}" for name, value in numbers.items())
        self._say(f"step {self._step}: {shown}")

    # --- states ---------------------------------------------------------------------------------------------

    def _save(self) -> None:
        if not self._accelerator.is_main_process:
            return
        scaler = self._accelerator.scaler
        state = {
            "told": asdict(self._configuration),
            "seconds": self._seconds,
            "players": {
                player.name: [parameter.detach().cpu() for parameter in player.parameters]
                for player in self._stage.players
            },
            "buffers": {name: buffer.cpu() for name, buffer in self._stage.own_buffers().items()},
            "optimisers": {name: optimiser.state_dict() for name, optimiser in self._optimisers.items()},
            "average": self._average.tensors if self._average is not None else [],
            "scaler": scaler.state_dict() if scaler is not None else {},
        }
        write_state(self._out / STATES, self._step, state)

    @torch.no_grad()
    def _resume(self) -> None:
        state = newest_state(self._out / STATES)
        if state is None:
            return
        now = asdict(self._configuration)
        for name in _MUST_STAY:
            if (then := state["told"][name]) != now[name]:
                raise UserError(
                    "training-state-foreign",
                    f"The run in “{self._out}” was begun with {name} “{then}”, not “{now[name]}”.",
                    "Name another folder as `out`, or go on with the value that the run was begun with.",
                )
        self._step, self._seconds = state["step"], state["seconds"]
        for player in self._stage.players:
            for parameter, saved in zip(player.parameters, state["players"][player.name], strict=True):
                parameter.copy_(saved)
            self._optimisers[player.name].load_state_dict(state["optimisers"][player.name])
        for name, buffer in self._stage.own_buffers().items():
            buffer.copy_(state["buffers"][name])
        if self._average is not None:
            for own, saved in zip(self._average.tensors, state["average"], strict=True):
                own.copy_(saved)
        if self._accelerator.scaler is not None and state["scaler"]:
            self._accelerator.scaler.load_state_dict(state["scaler"])
        self._say(f"going on after step {self._step}")

    def _export(self) -> list[Path]:
        if not self._accelerator.is_main_process:
            return []
        with self._averaged():
            return self._stage.export(self._out)


#: What a run cannot change on the way and still be the same run.
_MUST_STAY = ("dataset", "model", "variant", "seed", "lora")


def _optimiser(player: Player, configuration: TrainingConfiguration) -> torch.optim.Optimizer:
    groups = [{"params": parameters, "share": share} for parameters, share in player.groups()]
    return torch.optim.AdamW(groups, lr=player.learning_rate, weight_decay=configuration.optimisation.weight_decay)


def _placed(batch: Batch, device: torch.device) -> Batch:
    return Batch(batch.keys, batch.pictures.to(device), batch.fps.to(device), batch.captions)


def _on_device(loader: Any, accelerator: Accelerator) -> Any:
    for batch in loader:
        yield _placed(batch, accelerator.device)
