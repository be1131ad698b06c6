"""Blender from its Python module, with the arguments that these tests give the program.

blender_module.py --make FILE                      save a file with a box that moves from frame 1 over 5 to 9
blender_module.py -b FILE --command inbetween …    open it and run the command
blender_module.py --strips FILE                    print the frames that its image strips play, as JSON
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from examples import checkout

checkout.use_private_resources()

import bpy  # noqa: E402 - reads its configuration from the place above


def main(arguments: list[str]) -> int:
    repository = checkout.enable()
    try:
        match arguments:
            case ["--make", file]:
                from tests.blender import scenes

                scenes.moving_box(scenes.empty_scene(), 1, 5, 9)
                bpy.ops.wm.save_as_mainfile(filepath=file)
                return 0
            case ["--strips", file]:
                bpy.ops.wm.open_mainfile(filepath=file)
                editor = bpy.context.scene.sequence_editor
                strips = editor.strips if editor else []
                print("strips:", json.dumps([[strip.frame_final_start, strip.frame_final_end] for strip in strips]))
                return 0
            case ["-b", file, "--command", "inbetween", *rest]:
                from bl_ext.checkout.tooncrafter_blender.tooncrafter_blender import commands

                bpy.ops.wm.open_mainfile(filepath=file)
                return int(commands.inbetween(rest))
            case _:
                print(f"unexpected arguments: {arguments}", file=sys.stderr)
                return 2
    finally:
        checkout.disable(repository)


if __name__ == "__main__":
    code = main(sys.argv[1:])
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)  # Blender's own clean-up is not what is tested here
