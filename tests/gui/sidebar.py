"""Pressing what the add-on's tab shows, by the name that a person reads there.

Blender does not tell where its buttons are. What the panels lay out is written down while they are drawn. To find
one of the buttons it is drawn once in the colour of alerts, and what has turned red on the screen is where it is.
Before it is clicked, Blender is asked what lies under the pointer.
"""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import bpy
import numpy as np

from tests.gui import driver
from tests.gui.driver import Story, say

CATEGORY = "In-between"
_SCROLLS = 8
#: How much redder, against green and blue, a pixel of a button in the colour of alerts is; 0..255.
_REDDER = 25


@dataclass
class Button:
    """What can be pressed. name: what is read on it or beside it, "" for an icon alone.

    identifier: of the operator or property. settings: what the operator is called with. number: how many of the
    same identifier come before it in its panel.
    """

    panel: str
    name: str
    identifier: str
    number: int
    settings: dict[str, object] = field(default_factory=dict)


@dataclass
class _Drawn:
    """What one panel has laid out."""

    buttons: list[Button] = field(default_factory=list)
    labels: list[str] = field(default_factory=list)


#: The type of the editor whose tab is looked at.
_editor = "VIEW_3D"
#: By the panel's label, as it was drawn last.
_drawn: dict[str, _Drawn] = {}
#: How often any of them was drawn.
_draws = 0
#: Everything that could be read on buttons, beside properties and on panels since the watching began.
names_seen: set[str] = {CATEGORY}
#: The button that is drawn in the colour of alerts, by panel, identifier and number.
_lit: tuple[str, str, int] | None = None
#: Where a button was found last.
_places: dict[tuple[str, str, int], tuple[float, float]] = {}


class _Recorder:
    """A layout that writes down what is put on it, and lights up what is looked for."""

    def __init__(self, layout: Any, panel: str, into: _Drawn, pending: list[tuple[Button, Any]]) -> None:
        for name, value in (("_layout", layout), ("_panel", panel), ("_into", into), ("_pending", pending)):
            object.__setattr__(self, name, value)

    def __setattr__(self, name: str, value: object) -> None:
        setattr(self._layout, name, value)

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._layout, name)
        if not callable(found):
            return found

        def call(*arguments: Any, **named: Any) -> Any:
            button = self._button(name, arguments, named)
            lit = button is not None and (button.panel, button.identifier, button.number) == _lit
            before = self._layout.alert
            self._layout.alert = before or lit
            try:
                result = found(*arguments, **named)
            finally:
                self._layout.alert = before
            if button:
                self._into.buttons.append(button)
                self._pending.append((button, result))
            if name == "label":
                self._into.labels.append(named.get("text", ""))
            if isinstance(result, bpy.types.UILayout):
                return _Recorder(result, self._panel, self._into, self._pending)
            return result

        return call

    def _button(self, method: str, arguments: tuple[Any, ...], named: dict[str, Any]) -> Button | None:
        if method in ("operator", "operator_menu_enum"):
            identifier = named.get("operator") or arguments[0]
            module, _, operator = identifier.partition(".")
            own = getattr(getattr(bpy.ops, module), operator).get_rna_type().name
        elif method == "prop":
            owner, identifier = named.get("data") or arguments[0], named.get("property") or arguments[1]
            own = owner.bl_rna.properties[identifier].name
        else:
            return None
        number = sum(button.identifier == identifier for button in self._into.buttons)
        return Button(self._panel, named.get("text", own), identifier, number)


class _Stand:
    """A panel with another layout."""

    def __init__(self, panel: Any, layout: _Recorder) -> None:
        self.layout = layout
        self._panel = panel

    def __getattr__(self, name: str) -> Any:
        return getattr(self._panel, name)


def watch() -> None:
    """Write down from now on what the panels of the tab lay out."""
    for panel in bpy.types.Panel.__subclasses__():
        if getattr(panel, "bl_category", "") == CATEGORY and hasattr(panel, "draw"):
            panel.draw = _recording(panel, panel.draw)
            names_seen.add(panel.bl_label)  # a folded panel shows its name alone


def _recording(panel: type[Any], draw: Callable[[Any, Any], None]) -> Callable[[Any, Any], None]:
    def recorded(self: Any, context: bpy.types.Context) -> None:
        global _draws
        if context.area.type != _editor:
            draw(self, context)
            return
        into, pending = _Drawn(), []
        draw(_Stand(self, _Recorder(self.layout, panel.bl_label, into, pending)), context)
        for button, settings in pending:  # they are set after the button was laid out
            if settings is not None:
                names = {one.identifier for one in settings.bl_rna.properties} - {"rna_type"}
                button.settings = {name: getattr(settings, name) for name in names}
        _drawn[panel.bl_label] = into
        _draws += 1
        names_seen.update(button.name for button in into.buttons)

    return recorded


def buttons() -> list[Button]:
    """Return everything in the tab that can be pressed now, from the top."""
    return [button for panel in _drawn.values() for button in panel.buttons]


def labels() -> str:
    """Return all sentences that the tab shows now, one a line."""
    return "\n".join(label for panel in _drawn.values() for label in panel.labels)


def forget() -> None:
    """Forget what was drawn, when another file or editor is looked at."""
    _drawn.clear()
    _places.clear()


def unfold(label: str) -> None:
    """Have a panel that is folded at first be open from the beginning; before the tab is shown."""
    _begin(label, folded=False)


def fold(*labels: str) -> None:
    """Have panels that are open at first be folded from the beginning, to make room; before the tab is shown."""
    for label in labels:
        _begin(label, folded=True)


def _begin(label: str, *, folded: bool) -> None:
    panel = next(one for one in bpy.types.Panel.__subclasses__() if getattr(one, "bl_label", "") == label)
    options = getattr(panel, "bl_options", set()) - {"DEFAULT_CLOSED"}
    panel.bl_options = options | {"DEFAULT_CLOSED"} if folded else options
    bpy.utils.unregister_class(panel)
    bpy.utils.register_class(panel)


def redraw(view: bpy.types.Area) -> Story:
    """Return when the tab stands on the screen as it is now: rows may have come or gone since it was drawn last."""
    before = _draws
    view.tag_redraw()
    yield from driver.wait_until(lambda: _draws > before, 60)
    yield 0.3


def show(view: bpy.types.Area) -> Story:
    """Open the sidebar at the add-on's tab; from now on buttons of this editor are pressed."""
    global _editor
    _editor = view.type
    forget()
    view.spaces.active.show_region_ui = True
    yield 0.5
    driver.region("UI", view).active_panel_category = CATEGORY
    view.tag_redraw()
    yield 0.5


def press(name: str) -> Story:
    """Click on the button with that name on it, or on the property with that name beside it."""
    yield from _press(name, lambda button: button.name == name)


def press_operator(identifier: str, **settings: object) -> Story:
    """Click on the button of an operator that would be called with these settings, such as how="strip"."""
    what = f"{identifier} {settings or ''}"
    yield from _press(
        what, lambda button: button.identifier == identifier and settings.items() <= button.settings.items()
    )


def _press(what: str, is_it: Callable[[Button], bool]) -> Story:
    view = driver.area(_editor)
    yield from redraw(view)
    yield from driver.wait_until(lambda: any(map(is_it, buttons())), 30)
    button = next(filter(is_it, buttons()))
    key = button.panel, button.identifier, button.number
    place = _places.get(key)
    if place:
        driver.point_at(*place)
        yield 0.3
    if place is None or not _lies_under_the_pointer(button, view):
        yield from _look_for(button, view)
        place = _places[key]
    say("pressing", what)
    yield from driver.click(*place)
    driver.point_at(view.x + 60, view.y + 40)  # where it calls up no tooltip
    yield 0.2


def _look_for(button: Button, view: bpy.types.Area) -> Story:
    """Find the button, scrolling where the tab is longer than the window."""
    global _lit
    driver.point_at(view.x + 60, view.y + 40)
    for scroll in range(_SCROLLS):
        if scroll:
            yield from _turn_wheel(view, "up" if scroll == 1 else "down")
        redness = []
        for _lit in (None, (button.panel, button.identifier, button.number)):
            yield from redraw(view)
            redness.append(_redness(view))
        _lit = None
        view.tag_redraw()
        rows, columns = np.nonzero(redness[1] - redness[0] > _REDDER)
        if len(rows) < 30:
            continue
        sidebar = driver.region("UI", view)
        x = sidebar.x + (columns.min() + columns.max()) / 2
        y = sidebar.y + sidebar.height - (rows.min() + rows.max()) / 2
        driver.point_at(x, y)
        yield 0.4
        if _lies_under_the_pointer(button, view):
            _places[button.panel, button.identifier, button.number] = x, y
            return
    raise AssertionError(f"{button} is not to be found in the sidebar")


def _redness(view: bpy.types.Area) -> Any:
    sidebar = driver.region("UI", view)
    picture = driver.pixels((sidebar.x, sidebar.y, sidebar.width, sidebar.height)).astype(int)
    return picture[..., 0] - (picture[..., 1] + picture[..., 2]) // 2


def _turn_wheel(view: bpy.types.Area, way: str) -> Story:
    sidebar = driver.region("UI", view)
    driver.point_at(sidebar.x + sidebar.width / 2, sidebar.y + sidebar.height / 2)
    yield 0.2
    times, wheel = (40, "4") if way == "up" else (8, "5")
    subprocess.run(["xdotool", "click", "--repeat", str(times), "--delay", "5", wheel], check=True)
    yield 0.5
    driver.point_at(view.x + 60, view.y + 40)
    yield 0.3


def _lies_under_the_pointer(button: Button, view: bpy.types.Area) -> bool:
    """Ask Blender for the Python command or the data path of the button under the mouse pointer."""
    manager = bpy.context.window_manager
    with bpy.context.temp_override(window=driver.window(), area=view, region=driver.region("UI", view)):
        if bpy.ops.ui.copy_python_command_button.poll():
            bpy.ops.ui.copy_python_command_button()
            return manager.clipboard.startswith(f"bpy.ops.{button.identifier}(")
        if bpy.ops.ui.copy_data_path_button.poll():
            bpy.ops.ui.copy_data_path_button(full_path=True)
            return manager.clipboard.endswith(f".{button.identifier}")
    return False
