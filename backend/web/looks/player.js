// Plays the drawings in a loop, as many as there are yet. props.value, as JSON: pictures (addresses in time order),
// rate (drawings a second), half (address of half-made drawings, or ""), files ({ending: address}).
const paper = element.querySelector(".paper");
const strip = element.querySelector(".strip");
const empty = element.querySelector(".empty");
const half = element.querySelector(".half");
const play = element.querySelector(".play");
const slider = element.querySelector("input");
const count = element.querySelector("output");
let pictures = [];
let rate = 12;
let at = 0;
let playing = true;
let timer = 0;
let ended = false;

function look() {
  const told = props.value ? JSON.parse(props.value) : { pictures: [], rate: 12, half: "", files: {} };
  const known = new Map(pictures.map((picture) => [picture.address, picture]));
  const shown = pictures[at]?.address;
  pictures = told.pictures.map((address) => known.get(address) ?? load(address));
  for (const picture of pictures) known.delete(picture.address);
  for (const gone of known.values()) gone.large.remove();
  strip.replaceChildren(...pictures.map((picture) => picture.small));
  at = Math.max(0, pictures.findIndex((picture) => picture.address === shown));
  slider.max = Math.max(0, pictures.length - 1);
  slider.disabled = play.disabled = pictures.length < 2;
  const begins = pictures.length > 0 && !empty.hidden;
  const ends = !!told.files.mp4 && !ended;
  ended = !!told.files.mp4;
  // Beside the panel as soon as there is something; on a phone, where Cancel would go out of sight, at the end.
  if (matchMedia("(min-width: 821px)").matches ? begins : ends)
    element.scrollIntoView({ behavior: "smooth", block: "nearest" });
  empty.hidden = pictures.length > 0;
  paper.classList.toggle("drawn", pictures.length > 0);
  half.hidden = !told.half;
  if (told.half) half.querySelector("img").src = told.half;
  for (const link of element.querySelectorAll("a[data-ending]")) {
    const address = told.files[link.dataset.ending];
    link.hidden = !address;
    if (address) link.href = address;
  }
  if (told.rate !== rate || !timer) start(told.rate);
  show();
}

function load(address) {
  const large = new Image();
  const small = new Image();
  large.src = small.src = address;
  large.addEventListener("load", () => {
    paper.style.aspectRatio = `${large.naturalWidth} / ${large.naturalHeight}`;
  });
  large.style.visibility = "hidden";
  paper.append(large);
  const picture = { address, large, small };
  small.addEventListener("click", () => go(pictures.indexOf(picture)));
  return picture;
}

function start(faster) {
  rate = faster;
  clearInterval(timer);
  timer = setInterval(() => {
    if (!element.isConnected) return clearInterval(timer);
    if (playing && pictures.length > 1) {
      at = (at + 1) % pictures.length;
      show();
    }
  }, 1000 / rate);
}

function show() {
  pictures.forEach((picture, number) => {
    picture.large.style.visibility = number === at ? "visible" : "hidden";
    picture.small.classList.toggle("now", number === at);
  });
  slider.value = at;
  count.textContent = pictures.length ? `${at + 1} / ${pictures.length}` : "";
  play.textContent = playing ? "Pause" : "Play";
}

function go(number) {
  playing = false;
  at = number;
  show();
}

play.addEventListener("click", () => {
  playing = !playing;
  show();
});
slider.addEventListener("input", () => go(Number(slider.value)));
watch("value", look);
look();
