"""The ToonCrafter engine: the diffusion model and everything that makes it serve any canvas.

`engine` holds its face; it is imported by `backend.engines` only when somebody wants to draw with it, since torch
takes seconds to import.
"""

import os

# On a machine that is busy otherwise, as with Blender beside us, threads that wait by spinning hold each other up:
# a step on the CPU then takes many times as long. Read by OpenMP when torch is first imported.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
