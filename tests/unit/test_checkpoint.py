"""Published files become our weights, or are refused with a sentence that says what they are."""

from __future__ import annotations

import hashlib
import json
import os
import pickle
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from backend import weights
from backend.engines.tooncrafter import checkpoint
from backend.engines.tooncrafter.checkpoint_files import open_checkpoint_file
from backend.engines.tooncrafter.checkpoint_keys import (
    PREFIXES,
    model_keys,
    schedule_tables,
    unused_keys,
    wanted_keys,
)
from backend.engines.tooncrafter.configuration import Configuration, configuration_yaml, read_configuration
from backend.engines.tooncrafter.model import empty_model, empty_sketch_encoder
from backend.errors import UserError

Tensors = dict[str, Tensor]


@pytest.fixture(scope="module")
def configuration() -> Configuration:
    """The smallest model that has every kind of layer."""
    published = read_configuration()
    sizes: dict[str, Any] = {"model_channels": 32, "channel_mult": [1], "num_head_channels": 16, "context_dim": 8}
    sizes |= {"num_res_blocks": 1, "attention_resolutions": [1]}
    text = replace(published.clip.text, vocab_size=64, width=8, heads=2, layers=2)
    vision = replace(published.clip.vision, image_size=28, width=16, head_width=8, layers=1)
    return replace(
        published,
        unet=replace(published.unet, **sizes),
        sketch_encoder=replace(published.sketch_encoder, **sizes),
        autoencoder=replace(published.autoencoder, ch=32, ch_mult=[1, 1, 1, 1], num_res_blocks=1),
        clip=replace(published.clip, embed_dim=8, text=text, vision=vision),
        image_projector=replace(
            published.image_projector, dim=16, depth=1, dim_head=8, heads=2, embedding_dim=16, output_dim=8
        ),
    )


@pytest.fixture(scope="module")
def published(configuration: Configuration) -> Tensors:
    """A whole checkpoint with published key names, random and exact in half precision."""
    generator = torch.Generator().manual_seed(1)
    shapes = {**wanted_keys(configuration), **unused_keys(configuration)}
    tensors = {key: torch.randn(shape, generator=generator).half().float() for key, shape in shapes.items()}
    return {**tensors, **schedule_tables(configuration)}


@pytest.fixture(scope="module")
def sketch(configuration: Configuration) -> Tensors:
    generator = torch.Generator().manual_seed(2)
    keys = empty_sketch_encoder(configuration).state_dict()
    return {key: torch.randn(tensor.shape, generator=generator).half().float() for key, tensor in keys.items()}


@pytest.fixture
def variant(tmp_path: Path, configuration: Configuration) -> Path:
    path = tmp_path / "tiny.yaml"
    path.write_text(configuration_yaml(configuration), encoding="utf-8")
    return path


@pytest.fixture
def imported(tmp_path: Path, variant: Path) -> Callable[..., weights.Weights]:
    """Import files of this test, into a folder of this test."""

    def run(*files: Path, **options: object) -> weights.Weights:
        return weights.import_checkpoint(files, variant=variant, folder=tmp_path / "weights", **options)  # type: ignore[arg-type]

    return run


def assert_model_has(path: Path, published: Tensors, dtype: torch.dtype = torch.float16) -> None:
    model = checkpoint.open_model(path)
    for name, part in model.parts().items():
        for key, tensor in part.state_dict().items():
            assert tensor.dtype == dtype
            assert torch.equal(tensor, published[PREFIXES[name] + key].to(dtype)), key


def refusal(run: Callable[[], object]) -> UserError:
    with pytest.raises(UserError) as caught:
        run()
    assert caught.value.sentence.endswith(".") and caught.value.hint
    return caught.value


def lightning(tensors: Tensors) -> object:
    return {"epoch": 3, "global_step": 7, "state_dict": tensors}


def deepspeed(tensors: Tensors) -> object:
    return {"module": {f"_forward_module.{key}": tensor for key, tensor in tensors.items()}}


def early(tensors: Tensors) -> object:
    return {key.replace("fps_embedding", "framestride_embed"): tensor for key, tensor in tensors.items()}


@pytest.mark.parametrize("wrap", [dict, lightning, deepspeed, early], ids=lambda wrap: wrap.__name__)
def test_a_published_pickle_becomes_the_same_model(
    tmp_path: Path, published: Tensors, imported: Callable[..., weights.Weights], wrap: Callable[[Tensors], object]
) -> None:
    torch.save(wrap(published), tmp_path / "model.ckpt")
    made = imported(tmp_path / "model.ckpt")
    assert made.kind == "model" and made.path == tmp_path / "weights" / "tooncrafter.safetensors"
    assert_model_has(made.path, published)


def test_a_pickle_of_the_old_kind_becomes_the_same_model(
    tmp_path: Path, published: Tensors, imported: Callable[..., weights.Weights]
) -> None:
    torch.save(published, tmp_path / "model.ckpt", _use_new_zipfile_serialization=False)
    assert_model_has(imported(tmp_path / "model.ckpt").path, published)


@pytest.mark.parametrize("precision", ["fp16", "bf16"])
def test_weights_are_kept_in_the_chosen_precision(
    tmp_path: Path, published: Tensors, imported: Callable[..., weights.Weights], precision: weights.Precision
) -> None:
    save_file(published, tmp_path / "model.safetensors")
    made = imported(tmp_path / "model.safetensors", precision=precision)
    assert made.precision == precision
    assert_model_has(made.path, published, checkpoint.DTYPES[precision])


def test_the_source_is_recorded_and_left_as_it_is(
    tmp_path: Path, published: Tensors, imported: Callable[..., weights.Weights]
) -> None:
    source = tmp_path / "model.safetensors"
    save_file(published, source)
    content = source.read_bytes()
    made = imported(source)
    assert made.sources == (weights.Source("model.safetensors", hashlib.sha256(content).hexdigest(), len(content)),)
    assert source.read_bytes() == content
    assert weights.find_weights(at=tmp_path / "weights") == made == weights.find_weights(at=made.path)
    assert weights.list_weights(tmp_path / "weights") == [made]


def test_what_inference_never_uses_is_left_out(
    tmp_path: Path, published: Tensors, configuration: Configuration, imported: Callable[..., weights.Weights]
) -> None:
    save_file(published, tmp_path / "model.safetensors")
    made = imported(tmp_path / "model.safetensors")
    kept = open_checkpoint_file(made.path).shapes()
    assert kept == model_keys(empty_model(configuration))


def test_a_sketch_encoder_becomes_weights_of_its_own(
    tmp_path: Path, sketch: Tensors, imported: Callable[..., weights.Weights]
) -> None:
    torch.save({"state_dict": {"state_dict": sketch}}, tmp_path / "sketch_encoder.ckpt")
    made = imported(tmp_path / "sketch_encoder.ckpt")
    assert made.kind == "sketch-encoder" and made.path.name == "sketch_encoder.safetensors"
    encoder = checkpoint.open_sketch_encoder(made.path, dtype=torch.float32)
    assert all(torch.equal(tensor, sketch[key]) for key, tensor in encoder.state_dict().items())
    assert refusal(lambda: checkpoint.open_model(made.path)).code == "weights-foreign"
    assert refusal(lambda: weights.find_weights("model", made.path)).code == "weights-foreign"


def pruned(published: Tensors) -> Tensors:
    """As the half-precision files circulate: rounded, schedule tables too, and without the towers."""
    return {
        key: tensor.half().contiguous()
        for key, tensor in published.items()
        if not key.startswith(("cond_stage_model", "embedder"))
    }


def open_clip_layout(published: Tensors) -> Tensors:
    """Both towers as in OpenCLIP's own file."""
    vision = {
        "visual." + key.removeprefix("embedder.model.visual."): tensor
        for key, tensor in published.items()
        if key.startswith("embedder.model.visual.")
    }
    text = {
        key.removeprefix("cond_stage_model.model."): tensor
        for key, tensor in published.items()
        if key.startswith("cond_stage_model.model.")
    }
    return {**text, **vision}


def transformers_layout(published: Tensors) -> tuple[Tensors, Tensors]:
    """The towers as text and vision model of Hugging Face's transformers name them."""
    names = {"ln_1": "layer_norm1", "ln_2": "layer_norm2", "mlp.c_fc": "mlp.fc1", "mlp.c_proj": "mlp.fc2"}
    others = {
        "token_embedding.weight": "embeddings.token_embedding.weight",
        "class_embedding": "embeddings.class_embedding",
        "conv1.weight": "embeddings.patch_embedding.weight",
        "positional_embedding": "embeddings.position_embedding.weight",
        "ln_pre.weight": "pre_layrnorm.weight",
        "ln_pre.bias": "pre_layrnorm.bias",
        "ln_final.weight": "final_layer_norm.weight",
        "ln_final.bias": "final_layer_norm.bias",
        "ln_post.weight": "post_layernorm.weight",
        "ln_post.bias": "post_layernorm.bias",
    }

    def tower(prefix: str, name: str) -> Tensors:
        renamed: Tensors = {}
        for key, tensor in published.items():
            stem = key.removeprefix(prefix)
            if stem == key or stem in ("text_projection", "logit_scale", "proj"):
                continue
            if not stem.startswith("transformer.resblocks."):
                renamed[f"{name}.{others[stem]}"] = tensor
                continue
            _, _, index, part = stem.split(".", 3)
            layer = f"{name}.encoder.layers.{index}."
            if part.startswith("attn.in_proj_"):
                for letter, piece in zip("qkv", tensor.chunk(3), strict=True):
                    renamed[f"{layer}self_attn.{letter}_proj.{part.removeprefix('attn.in_proj_')}"] = piece
            elif part.startswith("attn.out_proj."):
                renamed[layer + "self_" + part] = tensor
            else:
                block, kind = part.rsplit(".", 1)
                renamed[f"{layer}{names[block]}.{kind}"] = tensor
        return {key: tensor.contiguous() for key, tensor in renamed.items()}

    text = tower(PREFIXES["text_tower"], "text_model")
    text["text_model.embeddings.position_ids"] = torch.arange(77)[None]
    vision = tower(PREFIXES["vision_tower"], "vision_model")
    vision["visual_projection.weight"] = torch.zeros(8, 16)
    return text, vision


def test_a_pruned_file_asks_for_the_towers_that_it_lacks(
    tmp_path: Path, published: Tensors, imported: Callable[..., weights.Weights]
) -> None:
    save_file(pruned(published), tmp_path / "pruned.safetensors")
    error = refusal(lambda: imported(tmp_path / "pruned.safetensors"))
    assert error.code == "checkpoint-incomplete" and "text and vision towers" in error.sentence
    assert not (tmp_path / "weights").exists()


def test_a_pruned_file_and_open_clips_file_make_a_whole_model(
    tmp_path: Path, published: Tensors, imported: Callable[..., weights.Weights]
) -> None:
    save_file(pruned(published), tmp_path / "pruned.safetensors")
    torch.save(open_clip_layout(published), tmp_path / "open_clip_pytorch_model.bin")
    made = imported(tmp_path / "pruned.safetensors", tmp_path / "open_clip_pytorch_model.bin")
    assert len(made.sources) == 2
    assert_model_has(made.path, published)


def test_a_pruned_file_and_text_and_vision_files_make_a_whole_model(
    tmp_path: Path, published: Tensors, imported: Callable[..., weights.Weights]
) -> None:
    text, vision = transformers_layout(published)
    for name, tensors in (("pruned", pruned(published)), ("text", text), ("vision", vision)):
        save_file(tensors, tmp_path / f"{name}.safetensors")
    missing_vision = refusal(lambda: imported(tmp_path / "pruned.safetensors", tmp_path / "text.safetensors"))
    assert "the CLIP vision tower" in missing_vision.sentence
    made = imported(*(tmp_path / f"{name}.safetensors" for name in ("pruned", "text", "vision")))
    assert_model_has(made.path, published)


def write_archive(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("holiday.txt", "sun")


#: What a person may pick by mistake -> what the refusal must say.
FOREIGN: Mapping[str, Callable[[Path], object]] = {
    "a picture": lambda path: path.write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(100)),
    "a web page": lambda path: path.write_text("\n<!DOCTYPE html><title>Log in</title>"),
    "a Git LFS pointer": lambda path: path.write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0"),
    "a zip archive": write_archive,
    "no checkpoint": lambda path: path.write_bytes(b"hello" * 20),
    "empty": lambda path: path.write_bytes(b""),
    "begins with nothing": lambda path: path.write_bytes(bytes(1000)),
    "holds no weights by name": lambda path: torch.save([torch.zeros(2)], path),
    "holds something else": lambda path: torch.save({"a": 3}, path),
    "not a ToonCrafter checkpoint": lambda path: save_file({"layer.weight": torch.zeros(2)}, path),
    "a LoRA": lambda path: save_file({"unet.lora_down.weight": torch.zeros(2)}, path),
    "single pictures": lambda path: save_file({"model.diffusion_model.out.0.weight": torch.zeros(2)}, path),
    "DynamiCrafter": lambda path: save_file(
        {"model.diffusion_model.input_blocks.1.0.temopral_conv.conv1.0.weight": torch.zeros(2)}, path
    ),
}


@pytest.mark.parametrize("says", FOREIGN)
def test_a_foreign_file_is_refused_with_what_it_is(
    tmp_path: Path, imported: Callable[..., weights.Weights], says: str
) -> None:
    path = tmp_path / "model.ckpt"
    FOREIGN[says](path)
    error = refusal(lambda: imported(path))
    assert says in error.sentence and "model.ckpt" in error.sentence
    assert not (tmp_path / "weights").exists()


@pytest.mark.parametrize("kind", ["safetensors", "zip", "old pickle"])
def test_a_truncated_file_is_refused_wherever_it_ends(
    tmp_path: Path, published: Tensors, imported: Callable[..., weights.Weights], kind: str
) -> None:
    path = tmp_path / "model.ckpt"
    if kind == "safetensors":
        save_file(published, path)
    else:
        torch.save(published, path, _use_new_zipfile_serialization=kind == "zip")
    whole = path.read_bytes()
    for share in (0.001, 0.01, 0.3, 0.7, 0.999):
        path.write_bytes(whole[: int(len(whole) * share)])
        error = refusal(lambda: imported(path))
        assert error.code in ("checkpoint-truncated", "checkpoint-damaged"), share
        assert "ends" in error.sentence or "bytes of the" in error.sentence
    assert not (tmp_path / "weights").exists()


class Malicious:
    """Unpickles to a call that leaves a trace."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> tuple[Callable[[str], int], tuple[str]]:
        return os.system, (f'echo ran > "{self.trace}"',)


@pytest.mark.parametrize("kind", ["zip", "old pickle", "bare pickle"])
def test_a_malicious_pickle_is_refused_and_never_runs(
    tmp_path: Path, published: Tensors, imported: Callable[..., weights.Weights], kind: str
) -> None:
    path, trace = tmp_path / "model.ckpt", tmp_path / "trace"
    content = {"state_dict": {**published, "extra": Malicious(trace)}}
    if kind == "bare pickle":
        path.write_bytes(pickle.dumps(Malicious(trace)))
    else:
        torch.save(content, path, _use_new_zipfile_serialization=kind == "zip")
    error = refusal(lambda: imported(path))
    assert error.code == "checkpoint-unsafe"
    assert "system" in error.sentence or kind == "bare pickle"
    assert not trace.exists()


def test_missing_and_unexpected_keys_are_named(
    tmp_path: Path, published: Tensors, imported: Callable[..., weights.Weights]
) -> None:
    changed = dict(published)
    del changed["model.diffusion_model.out.2.bias"]
    changed["model.diffusion_model.surplus"] = torch.zeros(1)
    changed["image_proj_model.norm_out.bias"] = torch.zeros(3)
    save_file(changed, tmp_path / "model.safetensors")
    error = refusal(lambda: imported(tmp_path / "model.safetensors"))
    assert error.code == "checkpoint-foreign"
    assert "1 missing (such as model.diffusion_model.out.2.bias)" in error.sentence
    assert "1 unexpected (such as model.diffusion_model.surplus)" in error.sentence
    assert "image_proj_model.norm_out.bias: [3] instead of [8]" in error.sentence


def test_a_model_of_other_sizes_needs_its_configuration(tmp_path: Path, published: Tensors) -> None:
    save_file(published, tmp_path / "model.safetensors")
    error = refusal(lambda: weights.import_checkpoint([tmp_path / "model.safetensors"], folder=tmp_path))
    assert "of other sizes" in error.sentence and "configuration" in error.hint


@pytest.mark.parametrize("table", ["alphas_cumprod", "scale_arr"])
def test_a_model_of_another_noise_schedule_is_refused(
    tmp_path: Path, published: Tensors, imported: Callable[..., weights.Weights], table: str
) -> None:
    save_file({**published, table: published[table] * 0.98}, tmp_path / "model.safetensors")
    assert refusal(lambda: imported(tmp_path / "model.safetensors")).code == "checkpoint-other-schedule"


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 1e9])
def test_numbers_that_half_precision_cannot_hold_are_refused(
    tmp_path: Path, published: Tensors, imported: Callable[..., weights.Weights], value: float
) -> None:
    key = "model.diffusion_model.out.2.bias"
    save_file({**published, key: torch.full_like(published[key], value)}, tmp_path / "model.safetensors")
    error = refusal(lambda: imported(tmp_path / "model.safetensors"))
    assert key in error.sentence
    assert list((tmp_path / "weights").iterdir()) == [], "nothing half-written stays"


def test_the_same_file_is_converted_once(
    tmp_path: Path, published: Tensors, imported: Callable[..., weights.Weights]
) -> None:
    save_file(published, tmp_path / "model.safetensors")
    first = imported(tmp_path / "model.safetensors")
    before = first.path.stat().st_mtime_ns
    assert imported(tmp_path / "model.safetensors") == first
    assert first.path.stat().st_mtime_ns == before


def test_other_weights_are_replaced_only_when_asked(
    tmp_path: Path, published: Tensors, imported: Callable[..., weights.Weights]
) -> None:
    save_file(published, tmp_path / "model.safetensors")
    first = imported(tmp_path / "model.safetensors")
    content = first.path.read_bytes()
    error = refusal(lambda: imported(tmp_path / "model.safetensors", precision="bf16"))
    assert error.code == "weights-exist" and first.path.read_bytes() == content
    named = imported(tmp_path / "model.safetensors", precision="bf16", name="second")
    assert named.path.name == "second.safetensors" and first.path.read_bytes() == content
    assert imported(tmp_path / "model.safetensors", precision="bf16", replace=True).precision == "bf16"


def test_a_full_disk_leaves_nothing_behind_and_says_so(
    tmp_path: Path,
    published: Tensors,
    imported: Callable[..., weights.Weights],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def full(*_arguments: object) -> None:
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr(checkpoint, "_write_tensors", full)
    save_file(published, tmp_path / "model.safetensors")
    error = refusal(lambda: imported(tmp_path / "model.safetensors"))
    assert error.code == "weights-unwritable" and "the disk is full" in error.sentence and not error.bad_input
    assert list((tmp_path / "weights").iterdir()) == []


def test_progress_runs_from_checking_to_converted(
    tmp_path: Path, published: Tensors, imported: Callable[..., weights.Weights]
) -> None:
    told: list[tuple[str, float]] = []
    save_file(published, tmp_path / "model.safetensors")
    imported(tmp_path / "model.safetensors", report=lambda doing, share: told.append((doing, share)))
    assert {doing for doing, _ in told} == {"checking", "converting"}
    assert told[-1] == ("converting", 1.0)
    converting = [share for doing, share in told if doing == "converting"]
    assert converting == sorted(converting)


def test_damaged_weights_are_refused_wherever_they_end(
    tmp_path: Path, published: Tensors, imported: Callable[..., weights.Weights]
) -> None:
    save_file(published, tmp_path / "model.safetensors")
    made = imported(tmp_path / "model.safetensors")
    whole = made.path.read_bytes()
    for share in (0.0, 0.001, 0.3, 0.999):
        made.path.write_bytes(whole[: int(len(whole) * share)])
        assert refusal(lambda: checkpoint.open_model(made.path)).code == "weights-damaged"
        assert refusal(lambda: weights.find_weights(at=made.path)).code in ("weights-damaged", "weights-foreign")


def test_weights_of_a_newer_version_or_of_others_are_refused(
    tmp_path: Path, published: Tensors, imported: Callable[..., weights.Weights]
) -> None:
    save_file(published, tmp_path / "model.safetensors")
    assert refusal(lambda: checkpoint.open_model(tmp_path / "model.safetensors")).code == "weights-foreign"
    assert refusal(lambda: weights.find_weights(at=tmp_path / "model.safetensors")).code == "weights-foreign"
    made = imported(tmp_path / "model.safetensors")
    newer = made.path.read_bytes().replace(b'"format_version": "1"', b'"format_version": "2"')
    made.path.write_bytes(newer)
    assert refusal(lambda: checkpoint.open_model(made.path)).code == "weights-foreign"
    assert refusal(lambda: weights.find_weights(at=made.path)).code == "weights-foreign"


def test_missing_weights_say_how_to_get_them(tmp_path: Path) -> None:
    error = refusal(lambda: weights.find_weights(at=tmp_path / "nothing"))
    assert error.code == "weights-missing" and "weights import" in error.hint


def test_weights_are_looked_for_where_the_environment_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(weights.FOLDER_VARIABLE, str(tmp_path / "shelf"))
    assert weights.weights_folder() == tmp_path / "shelf"
    monkeypatch.delenv(weights.FOLDER_VARIABLE)
    assert weights.weights_folder().is_absolute()
    assert weights.list_weights(tmp_path / "shelf") == []


def test_opened_weights_are_mapped_and_not_copied(
    tmp_path: Path, published: Tensors, imported: Callable[..., weights.Weights]
) -> None:
    """In memory the weights lie as far from each other as in the file."""
    save_file(published, tmp_path / "model.safetensors")
    path = imported(tmp_path / "model.safetensors").path
    model = checkpoint.open_model(path)
    with path.open("rb") as file:
        header = json.loads(file.read(int.from_bytes(file.read(8), "little")))
    origins = {
        parameter.data_ptr() - header[PREFIXES[name] + key]["data_offsets"][0]
        for name, part in model.parts().items()
        for key, parameter in part.named_parameters()
    }
    assert len(origins) == 1
    parameters = [parameter for part in model.parts().values() for parameter in part.parameters()]
    assert not any(parameter.requires_grad for parameter in parameters)
    assert not any(part.training for part in model.parts().values())


def test_the_record_of_weights_is_plain_safetensors_metadata(
    tmp_path: Path, published: Tensors, configuration: Configuration, imported: Callable[..., weights.Weights]
) -> None:
    save_file(published, tmp_path / "model.safetensors")
    about = checkpoint.read_about(imported(tmp_path / "model.safetensors").path)
    assert about.configuration == configuration
    assert json.loads(about.metadata()["sources"])[0]["name"] == "model.safetensors"
