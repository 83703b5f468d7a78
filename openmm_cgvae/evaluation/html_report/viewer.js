// Atoms as balls and sticks and beads as spheres, drawn on a canvas from back to front.
"use strict";
const data = JSON.parse(document.getElementById("structures").textContent);
const canvas = document.getElementById("view");
const pen = canvas.getContext("2d");
const shown = { sample: 0, relaxed: false, beads: true, hydrogens: true, all: false };
let turn = [1, 0, 0, 0, 1, 0, 0, 0, 1]; // rotation matrix, row by row
let zoom = 1.3;

// Colours of Okabe and Ito (2008), told apart by colour-blind readers.
const ELEMENTS = { 1: "#f2f2f2", 6: "#6b6b6b", 7: "#0072b2", 8: "#d55e00",
                   15: "#e69f00", 16: "#f0e442" };
const BEADS = ["#56b4e9", "#e69f00", "#009e73", "#cc79a7", "#0072b2", "#d55e00"];
const OTHER = "#cc79a7";

function sets() {
  const from = shown.relaxed && data.relaxed ? data.relaxed : data.samples;
  return shown.all ? from : [from[shown.sample]];
}

function centreAndReach() {
  const points = data.samples[0];
  const centre = [0, 1, 2].map(k => points.reduce((s, p) => s + p[k], 0) / points.length);
  const far = Math.max(...points.map(p => Math.hypot(...p.map((x, k) => x - centre[k]))));
  return [centre, far + 2];
}
const [centre, reach] = centreAndReach();

function seen(point) { // in the plane of the canvas, and how near
  const [x, y, z] = point.map((value, k) => value - centre[k]);
  const [a, b, c] = [0, 3, 6].map(row =>
    turn[row] * x + turn[row + 1] * y + turn[row + 2] * z);
  const scale = zoom * Math.min(canvas.width, canvas.height) / (2 * reach);
  return { x: canvas.width / 2 + a * scale, y: canvas.height / 2 - b * scale, z: c, scale };
}

function ball(at, radius, colour, opacity) {
  const size = radius * at.scale;
  const shade = pen.createRadialGradient(
    at.x - size / 3, at.y - size / 3, size / 10, at.x, at.y, size);
  shade.addColorStop(0, "white");
  shade.addColorStop(0.35, colour);
  shade.addColorStop(1, colour);
  pen.globalAlpha = opacity;
  pen.fillStyle = shade;
  pen.beginPath();
  pen.arc(at.x, at.y, size, 0, 2 * Math.PI);
  pen.fill();
  pen.strokeStyle = "#333";
  pen.lineWidth = 0.5;
  pen.stroke();
}

function stick(from, to, colour) {
  pen.globalAlpha = 1;
  pen.strokeStyle = colour;
  pen.lineWidth = 0.16 * from.scale;
  pen.lineCap = "round";
  pen.beginPath();
  pen.moveTo(from.x, from.y);
  pen.lineTo(to.x, to.y);
  pen.stroke();
}

function pieces() {
  const found = [];
  for (const points of sets()) {
    const at = points.map(seen);
    const isShown = k => shown.hydrogens || data.elements[k] !== 1;
    const colour = k => ELEMENTS[data.elements[k]] || OTHER;
    at.forEach((p, k) => {
      const radius = data.elements[k] === 1 ? 0.2 : 0.3;
      if (isShown(k)) found.push({ z: p.z, draw: () => ball(p, radius, colour(k), 1) });
    });
    for (const [i, j] of data.bonds) {
      if (!isShown(i) || !isShown(j)) continue;
      const middle = { x: (at[i].x + at[j].x) / 2, y: (at[i].y + at[j].y) / 2,
                       z: (at[i].z + at[j].z) / 2, scale: at[i].scale };
      for (const k of [i, j]) {
        const z = (at[k].z + middle.z) / 2 - 0.2;
        found.push({ z, draw: () => stick(at[k], middle, colour(k) === "#f2f2f2"
                                          ? "#b5b5b5" : colour(k)) });
      }
    }
  }
  if (shown.beads && data.beads) {
    data.beads[shown.sample].forEach((point, bead) => {
      const p = seen(point);
      found.push({ z: p.z, draw: () =>
        ball(p, data.bead_radii[bead], BEADS[bead % BEADS.length], 0.4) });
    });
  }
  return found.sort((one, other) => one.z - other.z);
}

function draw() {
  const sharp = window.devicePixelRatio || 1;
  canvas.width = canvas.clientWidth * sharp;
  canvas.height = canvas.clientHeight * sharp;
  const drawn = pieces();
  drawn.forEach(piece => piece.draw());
  pen.globalAlpha = 1;
  canvas.dataset.pieces = drawn.length;
}

function rotate(right, down) { // about the axes of the screen
  const [c, s, d, t] = [Math.cos(right), Math.sin(right), Math.cos(down), Math.sin(down)];
  const about = [c, 0, s, t * s, d, -t * c, -d * s, t, d * c];
  const result = [];
  for (let i = 0; i < 3; i++)
    for (let j = 0; j < 3; j++)
      result.push([0, 1, 2].reduce((sum, k) => sum + about[3 * i + k] * turn[3 * k + j], 0));
  turn = result;
  draw();
}

canvas.addEventListener("pointermove", event => {
  if (event.buttons & 1) rotate(event.movementX / 100, event.movementY / 100);
});
canvas.addEventListener("pointerdown", event => canvas.setPointerCapture(event.pointerId));
canvas.addEventListener("wheel", event => {
  event.preventDefault();
  zoom = Math.min(8, Math.max(0.3, zoom * Math.exp(-event.deltaY / 800)));
  draw();
}, { passive: false });
canvas.addEventListener("keydown", event => {
  const steps = { ArrowLeft: [-0.1, 0], ArrowRight: [0.1, 0],
                  ArrowUp: [0, -0.1], ArrowDown: [0, 0.1] };
  if (steps[event.key]) { event.preventDefault(); rotate(...steps[event.key]); }
});
for (const name of ["relaxed", "beads", "hydrogens", "all"]) {
  const box = document.getElementById(name);
  if (box) box.addEventListener("change", () => { shown[name] = box.checked; draw(); });
}
const slider = document.getElementById("sample");
slider.addEventListener("input", () => {
  shown.sample = Number(slider.value);
  document.getElementById("which").textContent = slider.value;
  draw();
});
window.addEventListener("resize", draw);
draw();
