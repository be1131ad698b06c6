"""Run these tests in Blender itself: blender -b --factory-startup -P tests/blender/run_in_blender.py -- ARGUMENTS.

The arguments are pytest's. Start Blender with BLENDER_USER_RESOURCES set to an empty folder, and with pytest and
pillow in its Python.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).resolve().parent

if __name__ == "__main__":
    arguments = sys.argv[sys.argv.index("--") + 1 :] if "--" in sys.argv else []
    os.chdir(FOLDER.parents[1])
    # The checkout's own root is a package, Blender's extension; pytest must not import it as such.
    code = pytest.main([*(arguments or [str(FOLDER)]), "--rootdir", str(FOLDER), "-p", "no:cacheprovider"])
    sys.stdout.flush()
    sys.exit(int(code))
