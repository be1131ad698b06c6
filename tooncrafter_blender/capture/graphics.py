"""Whether Blender can draw with OpenGL here, found out without risk.

Without a window and without a graphics driver Blender does not report an error when it renders Grease Pencil: it
aborts. So the driver is asked first, by the same steps that Blender would take, through EGL's C interface.
"""

from __future__ import annotations

import ctypes
import ctypes.util
import functools
import os
import sys
from collections.abc import Iterator

import bpy

#: Set to anything to draw without OpenGL, for machines whose driver promises more than it keeps.
SOFTWARE_VARIABLE = "TOONCRAFTER_SOFTWARE_CAPTURE"

#: What Blender 4.5 to 5.2 ask for: a core profile of this version.
_OPENGL_VERSION = (4, 3)

# Names and values from the EGL 1.5 specification and its registry.
_NONE = 0x3038
_SURFACE_TYPE, _PBUFFER_BIT = 0x3033, 0x0001
_RENDERABLE_TYPE, _OPENGL_BIT = 0x3040, 0x0008
_OPENGL_API = 0x30A2
_MAJOR_VERSION, _MINOR_VERSION = 0x3098, 0x30FB
_PROFILE_MASK, _CORE_PROFILE_BIT = 0x30FD, 0x0001
_PLATFORM_SURFACELESS, _PLATFORM_DEVICE = 0x31DD, 0x313F


def why_no_opengl() -> str:
    """Return "" when Blender can render Grease Pencil here, else the reason why not."""
    if os.environ.get(SOFTWARE_VARIABLE):
        return f"{SOFTWARE_VARIABLE} is set"
    if not bpy.app.background or not sys.platform.startswith("linux"):
        # Blender's own window was drawn with it; Windows and macOS always bring a driver.
        return ""
    return _why_no_egl_context()


@functools.cache
def _why_no_egl_context() -> str:
    """Try to make an OpenGL context without a window; the driver of a running Blender does not change."""
    try:
        egl = ctypes.CDLL(ctypes.util.find_library("EGL") or "libEGL.so.1")
    except OSError as error:
        return f"the EGL library cannot be loaded ({error})"
    _declare(egl)
    version = ctypes.c_int(), ctypes.c_int()
    for display in _displays(egl):
        # A display stays initialised: Blender may be given the same one, and ending it would end it for both.
        if display and egl.eglInitialize(display, ctypes.byref(version[0]), ctypes.byref(version[1])):
            return _why_no_context_on(egl, display)
    return "no EGL display can be opened"


def _declare(egl: ctypes.CDLL) -> None:
    pointer, whole = ctypes.c_void_p, ctypes.c_int
    egl.eglGetDisplay.restype, egl.eglGetDisplay.argtypes = pointer, [pointer]
    egl.eglInitialize.argtypes = [pointer, ctypes.POINTER(whole), ctypes.POINTER(whole)]
    egl.eglChooseConfig.argtypes = [
        pointer,
        ctypes.POINTER(whole),
        ctypes.POINTER(pointer),
        whole,
        ctypes.POINTER(whole),
    ]
    egl.eglCreateContext.restype = pointer
    egl.eglCreateContext.argtypes = [pointer, pointer, pointer, ctypes.POINTER(whole)]
    egl.eglDestroyContext.argtypes = [pointer, pointer]


def _displays(egl: ctypes.CDLL) -> Iterator[int | None]:
    """Yield the displays that could be there, each one made only when asked for."""
    yield egl.eglGetDisplay(None)
    try:
        get_platform_display = egl.eglGetPlatformDisplay
    except AttributeError:  # older than EGL 1.5
        return
    get_platform_display.restype = ctypes.c_void_p
    get_platform_display.argtypes = [ctypes.c_uint, ctypes.c_void_p, ctypes.c_void_p]
    yield get_platform_display(_PLATFORM_SURFACELESS, None, None)
    yield get_platform_display(_PLATFORM_DEVICE, None, None)


def _why_no_context_on(egl: ctypes.CDLL, display: int) -> str:
    if not egl.eglBindAPI(_OPENGL_API):
        return "the graphics driver has no desktop OpenGL"
    config, found = ctypes.c_void_p(), ctypes.c_int()
    wanted = _attributes(_SURFACE_TYPE, _PBUFFER_BIT, _RENDERABLE_TYPE, _OPENGL_BIT)
    if not egl.eglChooseConfig(display, wanted, ctypes.byref(config), 1, ctypes.byref(found)) or not found.value:
        return "the graphics driver cannot draw without a window"
    major, minor = _OPENGL_VERSION
    asked = _attributes(_MAJOR_VERSION, major, _MINOR_VERSION, minor, _PROFILE_MASK, _CORE_PROFILE_BIT)
    context = egl.eglCreateContext(display, config, None, asked)
    if not context:
        return f"the graphics driver has no OpenGL {major}.{minor}"
    egl.eglDestroyContext(display, context)
    return ""


def _attributes(*pairs: int) -> ctypes.Array[ctypes.c_int]:
    return (ctypes.c_int * (len(pairs) + 1))(*pairs, _NONE)
