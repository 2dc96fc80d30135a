// The decoding player: the picture so far, and which symbols of the latent are known. `transport.js` stands before it.

const SPEEDS = [0.5, 1, 2, 4, 8]; // steps a second
const SIDE = 384; // CSS pixels of the picture's longer side, at most
const TILE = 128; // CSS pixels of the longer side of a tile, at least one for a position
const FRAMED = 8; // CSS pixels of a position: in smaller ones a frame would hide the colour
const KEYS = [
  ["Space", "play, pause"],
  ["← →", "one step back, one step on"],
  ["Home, End", "before the first byte, after the last"],
  ["↑ ↓", "faster, slower"],
];
const SENT = "change:frames change:plan change:when change:paid";
const HEADS = ["bits so far", "bytes read", "symbols of y known", "PSNR, as if the file ended here"];

class DecodingPlayer extends Transport {
  constructor(model, el) {
    super(model, KEYS, SPEEDS, "Step");
    this.pictures = [];
    this.build(el);
    this.listen([
      [SENT, () => this.load()],
      ["change:position change:speed change:name", () => this.draw()],
    ]);
    this.load();
    this.start();
  }

  build(el) {
    this.canvas = element("canvas", { tabindex: "0", role: "application", "data-lm-suppress-shortcuts": "true" });
    this.canvas.setAttribute("aria-roledescription", "decoding of a file");
    this.what = element("div", { class: "lic-scan-where" });
    this.cells = HEADS.map(() => element("td"));
    const rows = HEADS.map((head, i) => element("tr", {}, element("th", { scope: "row" }, head), this.cells[i]));
    this.tiles = element("div", { class: "lic-tiles" });
    this.scale = element("div", { class: "lic-tile-scale" }, element("span", {}, "0"), element("i"), element("span"));
    const legend = "Framed: read in this step. Grey: not read yet, and taken at what the model predicts for it.";
    const words = element("p", { class: "lic-scan-legend" }, legend);
    const table = element("table", {}, element("tbody", {}, ...rows));
    const side = element("div", { class: "lic-scan-side" }, this.what, table, this.tiles, this.scale, words);
    const stage = element("div", { class: "lic-stage" }, this.canvas);
    const parts = [element("div", { class: "lic-scan" }, stage, side)];
    this.frameOn(el, "lic-decoding", parts, this.runGroup("Decoding"), this.speedGroup());
  }

  // ---- what was sent -------------------------------------------------------------------------------------------

  async load() {
    this.plan = this.get("plan");
    this.when = numbers(this.get("when"), Uint16Array);
    this.paid = numbers(this.get("paid"), Uint8Array);
    this.slider.max = String(this.length() - 1);
    this.layTiles();
    this.resize();
    const turn = (this.turn = (this.turn ?? 0) + 1);
    const frames = this.get("frames").map((bytes) => createImageBitmap(new Blob([bytes], { type: "image/jpeg" })));
    const pictures = await Promise.all(frames);
    if (turn !== this.turn) return pictures.forEach((picture) => picture.close());
    this.pictures.forEach((picture) => picture.close());
    this.pictures = pictures;
    this.draw();
  }

  dispose() {
    super.dispose();
    this.turn = -1; // pictures that are still being decoded are not shown
    this.pictures.forEach((picture) => picture.close());
  }

  length() {
    return this.plan.steps.length;
  }

  layTiles() {
    const figures = this.plan.tiles.map((label) => {
      const canvas = element("canvas", { role: "img" });
      return element("figure", { class: "lic-tile" }, canvas, element("figcaption", {}, label));
    });
    this.tiles.replaceChildren(...figures);
    const [, bar, high] = this.scale.children;
    bar.style.background = `linear-gradient(to right, ${this.plan.colors.join(", ")})`;
    high.textContent = `${this.plan.most} bits at a position of the slice`;
  }

  // ---- what is seen --------------------------------------------------------------------------------------------

  size(width) {
    const [height, wide] = this.plan.size;
    const scale = Math.min((Math.min(width || SIDE, SIDE) * devicePixelRatio) / Math.max(height, wide), 4);
    Object.assign(this.canvas, { width: Math.round(wide * scale), height: Math.round(height * scale) });
    for (const side of ["width", "height"]) this.canvas.style[side] = `${this.canvas[side] / devicePixelRatio}px`;
    const [rows, columns] = this.plan.grid;
    this.cell = Math.max(1, Math.floor((TILE * devicePixelRatio) / Math.max(rows, columns)));
  }

  draw() {
    const position = this.get("position");
    const picture = this.pictures[position];
    const context = this.canvas.getContext("2d");
    if (picture) context.drawImage(picture, 0, 0, this.canvas.width, this.canvas.height);
    this.tiles.querySelectorAll("canvas").forEach((canvas, tile) => this.paintTile(canvas, tile, position));
    this.words(position);
    this.tell();
    this.root.dataset.shown = picture ? position : ""; // tests wait for this
  }

  paintTile(canvas, tile, position) {
    const [rows, columns] = this.plan.grid;
    const { cell } = this;
    Object.assign(canvas, { width: columns * cell, height: rows * cell });
    for (const side of ["width", "height"]) canvas.style[side] = `${canvas[side] / devicePixelRatio}px`;
    const context = canvas.getContext("2d");
    const gap = cell > 3 * devicePixelRatio ? 1 : 0;
    const frame = getComputedStyle(this.root).getPropertyValue("--lic-accent") || "#1976d2";
    for (let place = 0; place < rows * columns; place++) {
      const at = tile * rows * columns + place;
      const [x, y] = [(place % columns) * cell, Math.floor(place / columns) * cell];
      const when = this.when[at];
      const [r, g, b] = this.paid.subarray(3 * at, 3 * at + 3);
      context.fillStyle = when > position ? "#8886" : `rgb(${r}, ${g}, ${b})`;
      context.fillRect(x, y, cell - gap, cell - gap);
      if (when !== position || cell < FRAMED * devicePixelRatio) continue;
      context.strokeStyle = frame;
      context.lineWidth = Math.max(1, devicePixelRatio);
      context.strokeRect(x + 0.5, y + 0.5, cell - gap - 1, cell - gap - 1);
    }
    const first = tile * rows * columns;
    const times = this.when.subarray(first, first + rows * columns);
    const known = times.filter((when) => when <= position).length;
    canvas.parentElement.classList.toggle("lic-now", times.includes(position));
    canvas.setAttribute("aria-label", `${known} of ${rows * columns} positions known`);
  }

  saw() {
    const position = this.get("position");
    return `Step ${position} of ${this.length() - 1}: ${this.plan.steps[position].label}`;
  }

  words(position) {
    const { bits, read, known, psnr } = this.plan.steps[position];
    const count = (number) => Math.round(number).toLocaleString("en");
    this.what.textContent = this.saw();
    const { bytes, symbols } = this.plan;
    const texts = [count(bits), `${count(read)} of ${count(bytes)}`, `${count(known)} of ${count(symbols)}`];
    [...texts, `${psnr.toFixed(2)} dB`].forEach((text, i) => (this.cells[i].textContent = text));
    this.canvas.setAttribute("aria-label", `${this.get("name")}. ${this.what.textContent}. ${psnr.toFixed(2)} dB.`);
  }
}

// A trait of bytes as an array of numbers; the bytes may stand anywhere in their buffer.
function numbers(view, Type) {
  return new Type(view.buffer.slice(view.byteOffset, view.byteOffset + view.byteLength));
}

function render({ model, el }) {
  const player = new DecodingPlayer(model, el);
  return () => player.dispose();
}

export default { render };
