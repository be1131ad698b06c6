// The sheet on which a guide is drawn. props.value, as JSON: ground (address of the faint keys), size ([width, height]
// of the first key) and strokes (each [x, y, x, y, …] in its pixels).
const canvas = element.querySelector("canvas");
const ground = element.querySelector(".paper img");
const empty = element.querySelector(".empty");
const [undo, clear] = element.querySelectorAll(".tools button");
const NOTHING = { ground: "", size: [16, 9], strokes: [] };
let sheet = NOTHING;
let line = null;
let own = null; // what we told ourselves and need not hear again

function look() {
  if (props.value === own) return;
  own = props.value;
  sheet = own ? JSON.parse(own) : NOTHING;
  line = null;
  const [width, height] = sheet.size;
  element.querySelector(".paper").style.aspectRatio = `${width} / ${height}`;
  canvas.width = width;
  canvas.height = height;
  ground.hidden = !sheet.ground;
  if (sheet.ground) ground.src = sheet.ground;
  empty.hidden = !!sheet.ground;
  paint();
}

function paint() {
  const pen = canvas.getContext("2d");
  pen.clearRect(0, 0, canvas.width, canvas.height);
  pen.lineWidth = Math.max(2, Math.max(...sheet.size) / 200);
  pen.lineCap = pen.lineJoin = "round";
  pen.strokeStyle = "#1f5fd0";
  for (const stroke of line ? [...sheet.strokes, line] : sheet.strokes) {
    pen.beginPath();
    for (let i = 0; i < stroke.length; i += 2) pen.lineTo(stroke[i], stroke[i + 1]);
    pen.stroke();
  }
  undo.disabled = clear.disabled = !sheet.strokes.length;
}

function tell(strokes) {
  sheet = { ...sheet, strokes };
  own = JSON.stringify(sheet);
  props.value = own;
  paint();
  trigger("input");
}

function place(event) {
  const box = canvas.getBoundingClientRect();
  const x = ((event.clientX - box.left) / box.width) * sheet.size[0];
  const y = ((event.clientY - box.top) / box.height) * sheet.size[1];
  return [Math.round(x * 10) / 10, Math.round(y * 10) / 10];
}

canvas.addEventListener("pointerdown", (event) => {
  if (!sheet.ground || event.button) return;
  canvas.setPointerCapture(event.pointerId);
  line = place(event);
});
canvas.addEventListener("pointermove", (event) => {
  if (!line) return;
  for (const part of event.getCoalescedEvents?.() ?? [event]) line.push(...place(part));
  paint();
});
for (const end of ["pointerup", "pointercancel"])
  canvas.addEventListener(end, () => {
    if (!line) return;
    const drawn = line;
    line = null;
    if (drawn.length > 2) tell([...sheet.strokes, drawn]);
    else paint();
  });
undo.addEventListener("click", () => tell(sheet.strokes.slice(0, -1)));
clear.addEventListener("click", () => tell([]));
watch("value", look);
look();
