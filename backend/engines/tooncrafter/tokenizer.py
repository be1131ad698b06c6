"""From a prompt to token numbers, with open_clip's own tokenizer."""

from __future__ import annotations

import importlib.util
import sys
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import cast

from torch import Tensor


def tokenize(prompts: list[str], context_length: int) -> Tensor:
    """Return int64 (prompts, context length): start, tokens, end, then zeros.

    A prompt that is too long is cut, and still ends with the end token.
    """
    tokens = _open_clip_tokenizer().tokenize(prompts, context_length=context_length)
    return cast(Tensor, tokens)


@cache
def _open_clip_tokenizer() -> ModuleType:
    """Load open_clip's tokenizer module without the package around it (see `network.clip_towers`)."""
    package = importlib.util.find_spec("open_clip")
    if package is None or package.origin is None:
        raise ModuleNotFoundError("open_clip is not installed")
    path = Path(package.origin).with_name("tokenizer.py")
    spec = importlib.util.spec_from_file_location("_open_clip_tokenizer", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module
