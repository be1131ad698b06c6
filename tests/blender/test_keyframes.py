"""Which keys of a Grease Pencil timeline are in-betweened, and what is said about the rest."""

from __future__ import annotations

import bpy
import pytest
from bl_ext.checkout.tooncrafter_blender.backend.errors import UserError
from bl_ext.checkout.tooncrafter_blender.tooncrafter_blender.timeline import guides
from bl_ext.checkout.tooncrafter_blender.tooncrafter_blender.timeline.keyframes import Span, find_spans, why_not

from examples import drawing
from tests.blender import scenes
from tests.blender.scenes import box


def select(obj, *frames):
    for layer in obj.data.layers:
        for key in layer.frames:
            key.select = key.frame_number in frames


def ends(found):
    return [(span.start, span.end) for span in found.spans]


def refusal(obj, scene, **options):
    with pytest.raises(UserError) as caught:
        find_spans(obj, scene, **options)
    assert why_not(obj, scene, **options) == caught.value.sentence
    assert caught.value.hint
    return caught.value


# --- which keys are taken --------------------------------------------------------------------------------------


def test_selected_keys_make_one_segment_less_than_keys(scene):
    obj = scenes.moving_box(scene, 1, 5, 9, 20)
    select(obj, 1, 5, 9)
    found = find_spans(obj, scene)
    assert found.origin == "selected keys"
    assert found.spans == (Span(1, 5, (2, 3, 4), ()), Span(5, 9, (6, 7, 8), ()))
    assert found.remarks == ()


def test_a_key_between_selected_ones_is_drawn_over_with_a_remark(scene):
    obj = scenes.moving_box(scene, 1, 5, 9)
    select(obj, 1, 9)
    found = find_spans(obj, scene)
    assert found.spans[0].wanted == (2, 3, 4, 5, 6, 7, 8)
    assert "Key at frame 5" in found.remarks[0]


def test_one_selected_key_is_not_a_selection(scene):
    obj = scenes.moving_box(scene, 1, 5, 9)
    select(obj, 9)
    scene.frame_set(2)
    assert ends(find_spans(obj, scene)) == [(1, 5)]


def test_without_a_selection_the_preview_range_says_which_keys(scene):
    obj = scenes.moving_box(scene, 1, 5, 9, 13)
    scene.use_preview_range, scene.frame_preview_start, scene.frame_preview_end = True, 4, 13
    found = find_spans(obj, scene)
    assert (found.origin, ends(found)) == ("preview range", [(5, 9), (9, 13)])


@pytest.mark.parametrize(("current", "expected"), [(1, (1, 5)), (3, (1, 5)), (5, (5, 9)), (8, (5, 9)), (9, (5, 9))])
def test_otherwise_the_keys_around_the_current_frame_are_taken(scene, current, expected):
    obj = scenes.moving_box(scene, 1, 5, 9)
    scene.frame_set(current)
    found = find_spans(obj, scene)
    assert (found.origin, ends(found)) == ("keys around the current frame", [expected])


def test_an_explicit_range_comes_before_everything_else(scene):
    obj = scenes.moving_box(scene, 1, 5, 9, 13)
    select(obj, 1, 5)
    found = find_spans(obj, scene, frames=(5, 48))
    assert (found.origin, ends(found)) == ("frames 5 to 48", [(5, 9), (9, 13)])


def test_keys_at_negative_frames_are_keys(scene):
    obj = scenes.moving_box(scene, -8, -4, 0)
    assert find_spans(obj, scene, frames=(-8, 0)).spans[0].wanted == (-7, -6, -5)


# --- which frames are keys -------------------------------------------------------------------------------------


def test_an_object_has_a_key_wherever_one_of_its_layers_has(scene):
    obj = scenes.moving_box(scene, 1, 9)
    scenes.add_layer(obj, "Fills", {1: [box(0)], 5: [box(1)]})
    assert ends(find_spans(obj, scene, frames=(1, 9))) == [(1, 5), (5, 9)]


@pytest.mark.parametrize("state", ["hide", "lock"])
def test_hidden_and_locked_layers_do_not_say_where_keys_are(scene, state):
    obj = scenes.moving_box(scene, 1, 9)
    setattr(scenes.add_layer(obj, "Other", {1: [box(0)], 5: [box(1)]}), state, True)
    assert ends(find_spans(obj, scene, frames=(1, 9))) == [(1, 9)]


@pytest.mark.parametrize("state", ["hide", "lock"])
def test_a_group_of_layers_hides_and_locks_what_it_holds(scene, state):
    obj = scenes.moving_box(scene, 1, 9)
    layer = scenes.add_layer(obj, "Other", {1: [box(0)], 5: [box(1)]})
    group = obj.data.layer_groups.new("Group")
    obj.data.layers.move_to_layer_group(layer, group)
    setattr(group, state, True)
    assert ends(find_spans(obj, scene, frames=(1, 9))) == [(1, 9)]


def test_keys_of_the_guide_layer_are_no_keys(scene):
    obj = scenes.moving_box(scene, 1, 9)
    drawing.draw(obj, guides.add_guide_layer(obj), 5, [box(0)]).select = True
    assert find_spans(obj, scene, frames=(1, 9)).spans == (Span(1, 9, (2, 3, 4, 5, 6, 7, 8), (5,)),)


def test_breakdowns_are_keys_unless_they_are_to_be_ignored(scene):
    obj = scenes.moving_box(scene, 1, 5, 9)
    obj.data.layers[0].get_frame_at(5).keyframe_type = "BREAKDOWN"
    assert ends(find_spans(obj, scene, frames=(1, 9))) == [(1, 5), (5, 9)]
    assert ends(find_spans(obj, scene, frames=(1, 9), breakdowns="ignore")) == [(1, 9)]


@pytest.mark.parametrize("kind", ["MOVING_HOLD", "EXTREME", "JITTER"])
def test_other_types_of_keys_are_keys(scene, kind):
    obj = scenes.moving_box(scene, 1, 5, 9)
    obj.data.layers[0].get_frame_at(5).keyframe_type = kind
    assert ends(find_spans(obj, scene, frames=(1, 9), breakdowns="ignore")) == [(1, 5), (5, 9)]


def test_generated_keys_count_only_when_selected(scene):
    obj = scenes.moving_box(scene, 1, 5, 9)
    obj.data.layers[0].get_frame_at(5).keyframe_type = "GENERATED"
    assert ends(find_spans(obj, scene, frames=(1, 9))) == [(1, 9)]
    select(obj, 1, 5, 9)
    assert ends(find_spans(obj, scene)) == [(1, 5), (5, 9)]


# --- what is wanted between ------------------------------------------------------------------------------------


@pytest.mark.parametrize(("exposure", "wanted"), [(1, (2, 3, 4, 5, 6, 7, 8)), (2, (3, 5, 7)), (3, (4, 7))])
def test_exposure_counts_from_the_start_key(scene, exposure, wanted):
    obj = scenes.moving_box(scene, 1, 9)
    assert find_spans(obj, scene, exposure=exposure).spans[0].wanted == wanted


def test_neighbours_are_skipped_with_a_remark(scene):
    obj = scenes.moving_box(scene, 1, 2, 5)
    found = find_spans(obj, scene, frames=(1, 5))
    assert ends(found) == [(2, 5)]
    assert found.remarks == ("There is nothing to draw between frames 1 and 2.",)


def test_keys_closer_than_the_exposure_are_neighbours(scene):
    obj = scenes.moving_box(scene, 1, 3, 9)
    found = find_spans(obj, scene, frames=(1, 9), exposure=2)
    assert ends(found) == [(3, 9)]
    assert found.remarks == ("There is nothing to draw on twos between frames 1 and 3.",)


def test_a_hold_is_skipped_with_a_remark(scene):
    obj = scenes.new_object(scene, {1: [box(0)], 5: [box(0)], 9: [box(1)]})
    found = find_spans(obj, scene, frames=(1, 9))
    assert ends(found) == [(5, 9)]
    assert "held between frames 1 and 5" in found.remarks[0]


def test_a_hold_through_which_another_layer_moves_is_no_hold(scene):
    obj = scenes.new_object(scene, {1: [box(0)], 5: [box(0)]})
    scenes.add_layer(obj, "Other", {1: [box(1)], 5: [box(2)]})
    assert ends(find_spans(obj, scene)) == [(1, 5)]


def test_a_hold_of_an_animated_object_is_no_hold(scene):
    obj = scenes.new_object(scene, {1: [box(0)], 5: [box(0)]})
    for frame, x in ((1, 0.0), (5, 2.0)):
        obj.location.x = x
        obj.keyframe_insert("location", frame=frame)
    assert ends(find_spans(obj, scene)) == [(1, 5)]


def test_a_hold_with_a_guide_is_no_hold(scene):
    obj = scenes.new_object(scene, {1: [box(0)], 5: [box(0)]})
    drawing.draw(obj, guides.add_guide_layer(obj), 3, [box(1)])
    assert ends(find_spans(obj, scene)) == [(1, 5)]


@pytest.mark.parametrize("change", ["radius", "opacity", "material_index"])
def test_a_drawing_that_differs_in_more_than_shape_is_no_hold(scene, change):
    obj = scenes.new_object(scene, {1: [box(0)], 5: [box(0)]})
    drawing.material_index(obj, "#00ff00", None)
    stroke = obj.data.layers[0].get_frame_at(5).drawing.strokes[0]
    if change == "material_index":
        stroke.material_index = 1
    else:
        setattr(stroke.points[0], change, 0.5)
    assert ends(find_spans(obj, scene)) == [(1, 5)]


def test_a_key_without_strokes_is_kept_with_a_remark(scene):
    obj = scenes.new_object(scene, {1: [], 5: [box(0)]})
    found = find_spans(obj, scene)
    assert ends(found) == [(1, 5)]
    assert "Nothing is drawn at the key at frame 1" in found.remarks[0]


def test_guides_outside_of_a_segment_and_on_its_keys_do_not_steer_it(scene):
    obj = scenes.moving_box(scene, 3, 9)
    layer = guides.add_guide_layer(obj)
    for frame in (1, 3, 6, 9, 12):
        drawing.draw(obj, layer, frame, [box(0)])
    drawing.draw(obj, layer, 7, [])
    assert find_spans(obj, scene, frames=(1, 20)).spans[0].guides == (6,)


def test_hidden_guides_are_not_used_and_that_is_said(scene):
    obj = scenes.moving_box(scene, 1, 9)
    layer = guides.add_guide_layer(obj)
    drawing.draw(obj, layer, 5, [box(0)])
    layer.hide = True
    found = find_spans(obj, scene)
    assert found.spans[0].guides == ()
    assert "guide layer is hidden" in found.remarks[-1]


# --- what cannot be done ---------------------------------------------------------------------------------------


def test_without_an_object_the_sentence_says_so(scene):
    assert refusal(None, scene).code == "no-grease-pencil"


def test_an_object_of_another_type_is_named(scene):
    assert "“Camera” is not a Grease Pencil object" in refusal(scene.camera, scene).sentence


def test_an_object_without_layers_has_no_keys(scene):
    assert refusal(drawing.new_object(scene, "Empty"), scene).code == "no-keys"


def test_an_object_whose_layers_are_all_locked_has_nothing_to_work_on(scene):
    obj = scenes.moving_box(scene, 1, 9)
    obj.data.layers[0].lock = True
    assert refusal(obj, scene).code == "no-working-layer"


def test_one_key_is_too_few(scene):
    obj = scenes.moving_box(scene, 4)
    assert refusal(obj, scene).sentence == "“Art” has only one key, at frame 4."


@pytest.mark.parametrize("preview", [False, True])
def test_a_range_with_fewer_than_two_keys_is_too_few(scene, preview):
    obj = scenes.moving_box(scene, 1, 9)
    scene.use_preview_range, scene.frame_preview_start, scene.frame_preview_end = preview, 2, 12
    error = refusal(obj, scene) if preview else refusal(obj, scene, frames=(2, 12))
    assert error.code == "too-few-keys"
    assert "2 to 12" in error.sentence
    assert "frames 1 and 9" in error.hint


def test_a_reversed_range_is_refused(scene):
    assert refusal(scenes.moving_box(scene, 1, 9), scene, frames=(9, 1)).code == "range-reversed"


@pytest.mark.parametrize("current", [0, 10])
def test_a_current_frame_outside_of_the_keys_is_refused(scene, current):
    obj = scenes.moving_box(scene, 1, 9)
    scene.frame_set(current)
    assert refusal(obj, scene).code == "not-between-keys"


def test_neighbours_alone_are_refused(scene):
    assert refusal(scenes.moving_box(scene, 1, 2), scene).code == "nothing-between"


def test_a_hold_alone_is_refused(scene):
    obj = scenes.new_object(scene, {1: [box(0)], 5: [box(0)]})
    with pytest.raises(UserError, match="held between frames 1 and 5"):
        find_spans(obj, scene)


def test_finding_spans_changes_nothing(scene):
    obj = scenes.moving_box(scene, 1, 9)
    scene.frame_set(4, subframe=0.25)
    before = [(key.frame_number, key.select) for key in obj.data.layers[0].frames]
    find_spans(obj, scene)
    assert (scene.frame_current, scene.frame_subframe) == (4, 0.25)
    assert [(key.frame_number, key.select) for key in obj.data.layers[0].frames] == before
    assert bpy.context.view_layer.objects.active == obj
