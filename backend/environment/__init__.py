"""The private Python environment that the backend runs in: planned, built beside, proven, and only then shown.

Standard library only: Blender's Python runs this to make the environment, and the backend reads in it what it was
made from. Everything lies in one folder of the add-on's own, `home`:

    core.json, diffusion.json    what is ready: each names its folder below; written last, in one step
    core-3f2a…/                  an environment; one that no .json names is unfinished or outdated
    cache/  tools/  python/      downloads · the installer · an interpreter, where Blender's could not be used
    lock  log.txt                whoever installs holds the lock · what the last installation said
"""

from .build import Listener, Silent, ensure, remove
from .plan import Level, Plan, core_plan, diffusion_plan
from .stamp import Standing, standing
from .torch_builds import TorchBuild

__all__ = [
    "Level",
    "Listener",
    "Plan",
    "Silent",
    "Standing",
    "TorchBuild",
    "core_plan",
    "diffusion_plan",
    "ensure",
    "remove",
    "standing",
]
