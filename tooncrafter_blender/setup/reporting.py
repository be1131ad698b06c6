"""The report that a person sends when something does not work: Blender's side, and the backend's own words."""

from __future__ import annotations

import contextlib
import subprocess

import bpy

from ...backend.doctor import disk_fact, fact, log_facts, machine_facts, weights_facts, without_names
from ...backend.environment import Level
from ...backend.errors import UserError
from ..jobs.queue import ROOT, State, queue
from ..jobs.worker_process import worker_variables
from ..settings.preferences import Preferences
from . import environment

_DOCTOR_SECONDS = 60


def report(preferences: Preferences) -> str:
    """Return one page of text, without personal names and paths. Asks the backend, which takes a second."""
    lines = [fact("Blender", f"{bpy.app.version_string} ({bpy.app.build_platform.decode(errors='replace')})")]
    lines += machine_facts()
    lines.append(fact("graphics", _graphics()))
    allowed = "allowed" if bpy.app.online_access else "off; installing needs it: Preferences, System, Network"
    lines.append(fact("online access", allowed, good=bpy.app.online_access))
    for level in Level:
        found = environment.standing_of(level, preferences, thorough=True)
        reason = f"{found.reason} Press Install or Repair in the preferences."
        lines.append(fact(f"environment {level}", "whole" if found.python else reason, good=bool(found.python)))
        if error := queue.setup.refused.get(level):
            lines.append(fact("", str(error), good=False))
    lines.append(disk_fact(environment.home()))
    lines += _last_failure()
    lines += log_facts(environment.home())
    lines += ["", "The drawing engine says:", *_backend_says(preferences)]
    return without_names("\n".join(lines))


def _graphics() -> str:
    with contextlib.suppress(Exception):  # in background mode there is no graphics system to ask
        import gpu

        return f"{gpu.platform.renderer_get()}, {gpu.platform.version_get()}"
    return "not in use"


def _last_failure() -> list[str]:
    failed = [entry for entry in queue.entries if entry.state is State.FAILED]
    if not failed:
        return [fact("last failed job", "none in this session")]
    return [fact("last failed job", f"{failed[-1].code}: {failed[-1].sentence} {failed[-1].hint}", good=False)]


def _backend_says(preferences: Preferences) -> list[str]:
    """Return the backend's own report; where there is no backend that could speak, why, and what can be seen."""
    try:
        python = environment.backend_python(preferences)
        answer = subprocess.run(
            [str(python), "-P", "-X", "utf8", "-m", "backend", "doctor"],
            env=worker_variables(ROOT),
            capture_output=True,
            stdin=subprocess.DEVNULL,
            timeout=_DOCTOR_SECONDS,
            creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
        )
    except UserError as error:
        return [fact("drawing engine", str(error), good=False), *weights_facts()]
    except (OSError, subprocess.TimeoutExpired) as error:
        return [fact("drawing engine", f"{error}; press Check in the preferences", good=False), *weights_facts()]
    if answer.returncode == 0:
        return answer.stdout.decode("utf-8", "replace").splitlines()
    last = answer.stderr.decode("utf-8", "replace").strip().splitlines()[-1:]
    return [
        fact("drawing engine", f"{' '.join(last)}; press Check in the preferences", good=False),
        *weights_facts(),
    ]
