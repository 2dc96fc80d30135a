// The scan player: its page, its keys and its words. `scan_stage.js`, which paints, and `transport.js`, which plays,
// stand before this file.

const DECAYS = [0.5, 0.8, 0.9, 0.95, 0.98, 0.99, 0.995, 0.999];
const SPEEDS = [4, 15, 60, 240, 960]; // tokens a second
const VIEW = "change:order change:position change:decay change:speed change:name";
const PICTURE = "change:pixels change:shape change:routes change:labels";
const KEYS = [
  ["Space", "play, pause"],
  ["← →", "one token back, one token on"],
  ["Shift + ← →", "as many tokens as a row has"],
  ["Home, End", "first token, last token"],
  ["↑ ↓", "faster, slower"],
  ["[ ]", "forget sooner, later"],
  ["1 2 3 …", "the orders, from left to right"],
  ["Click", "go to a token, in the picture or in the strip"],
];

class Player extends Transport {
  constructor(model, el) {
    super(model, KEYS, SPEEDS, "Token");
    this.build(el);
    this.stage = new ScanStage(this.canvas, this.get);
    this.listen([
      [PICTURE, () => this.load()],
      [VIEW, () => this.draw()],
    ]);
    this.canvas.onpointerdown = (event) => this.click(event);
    this.load();
    this.start();
  }

  // ---- page ----------------------------------------------------------------------------------------------------

  build(el) {
    this.canvas = element("canvas", { tabindex: "0", role: "application", "data-lm-suppress-shortcuts": "true" });
    this.canvas.setAttribute("aria-roledescription", "scan of a picture");
    this.where = element("div", { class: "lic-scan-where" });
    this.rows = element("tbody");
    const heads = ["neighbour", "read", "still there"].map((text) => element("th", { scope: "col" }, text));
    const caption = element("caption", {}, "What this token can still know of the pixels around it");
    this.table = element("table", {}, caption, element("thead", {}, element("tr", {}, ...heads)), this.rows);
    const legend =
      "Grey: not read yet. Colour: read, and the fainter the more of it is forgotten. The frame is the token being read.";
    const words = element("p", { class: "lic-scan-legend" }, legend);
    const side = element("div", { class: "lic-scan-side" }, this.where, this.table, words);
    const stage = element("div", { class: "lic-stage" }, this.canvas);
    this.strips = element("div", { class: "lic-strips" });
    const scan = element("div", { class: "lic-scan" }, stage, side);
    this.orders = group("Order");
    this.decayLabel = readout("What the state keeps from one token to the next", " lic-wide");
    const decay = group(
      "Decay",
      button("−", "Forget sooner (key [)", () => this.decayBy(-1)),
      this.decayLabel,
      button("+", "Forget later (key ])", () => this.decayBy(1)),
    );
    this.frameOn(el, "", [scan, this.strips], this.orders, this.runGroup("Scan"), this.speedGroup(), decay);
  }

  // ---- events --------------------------------------------------------------------------------------------------

  load() {
    this.stage.load();
    this.slider.max = String(this.stage.length - 1);
    const names = Object.keys(this.get("routes"));
    const choose = (name, i) => button(name, `Read in this order (key ${i + 1})`, () => this.choose(name));
    this.orders.replaceChildren(...names.map(choose));
    this.resize();
  }

  length() {
    return this.stage.length;
  }

  stride() {
    return this.get("shape")[1];
  }

  moreKeys(event) {
    const keys = { "[": () => this.decayBy(-1), "]": () => this.decayBy(1) };
    const name = Object.keys(this.get("routes"))[Number(event.key) - 1];
    return name ? { ...keys, [event.key]: () => this.choose(name) } : keys;
  }

  click(event) {
    if (event.button !== 0) return;
    const box = this.canvas.getBoundingClientRect();
    const [h, w] = this.get("shape");
    const row = clamp(Math.floor(((event.clientY - box.top) / box.height) * h), 0, h - 1);
    const column = clamp(Math.floor(((event.clientX - box.left) / box.width) * w), 0, w - 1);
    this.go(this.stage.times()[0][row * w + column]);
  }

  choose(order) {
    this.set({ order });
    this.status.textContent = order;
  }

  decayBy(direction) {
    this.set({ decay: beside(DECAYS, this.get("decay"), direction) });
  }

  // ---- what is seen --------------------------------------------------------------------------------------------

  size(width) {
    this.stage.resize(width);
  }

  draw() {
    this.words();
    this.layStrips();
    this.stage.paint();
    this.strips.querySelectorAll("canvas").forEach((canvas, route) => this.stage.paintStrip(canvas, route));
    this.tell();
  }

  layStrips() {
    const labels = this.get("labels")[this.get("order")];
    if (this.strips.dataset.routes === labels.join()) return;
    this.strips.dataset.routes = labels.join();
    const strips = labels.map((label, route) => {
      const dot = element("i");
      dot.style.background = COLORS[route % 4];
      const canvas = element("canvas", { role: "img", "aria-label": `The sequence: ${label}` });
      canvas.onpointerdown = (event) => this.go(Math.floor((event.offsetX / canvas.clientWidth) * this.stage.length));
      return [element("span", {}, dot, label), canvas];
    });
    this.strips.replaceChildren(...strips.flat());
  }

  saw() {
    return this.where.textContent;
  }

  words() {
    const [h, w] = this.get("shape");
    const [position, decay, name] = ["position", "decay", "name"].map(this.get);
    const pixel = this.get("routes")[this.get("order")][0][position];
    const [row, column] = [Math.floor(pixel / w), pixel % w];
    this.where.textContent = `Token ${position + 1} of ${this.stage.length}: row ${row}, column ${column}`;
    const around = { above: [-1, 0], left: [0, -1], right: [0, 1], below: [1, 0] };
    const rows = Object.entries(around).map(([side, [dy, dx]]) => {
      const inside = row + dy >= 0 && row + dy < h && column + dx >= 0 && column + dx < w;
      const words = inside ? this.stage.known(pixel, pixel + dy * w + dx) : ["outside", ""];
      return element("tr", {}, element("th", { scope: "row" }, side), ...words.map((text) => element("td", {}, text)));
    });
    this.rows.replaceChildren(...rows);
    for (const node of this.orders.children) {
      node.setAttribute("aria-pressed", String(node.textContent === this.get("order")));
    }
    const half = Math.log(0.5) / Math.log(decay);
    this.decayLabel.textContent = `a = ${decay}, half after ${half < 10 ? half.toFixed(1) : Math.round(half)}`;
    this.canvas.setAttribute("aria-label", `${name}, order ${this.get("order")}. ${this.where.textContent}.`);
  }
}

function render({ model, el }) {
  const player = new Player(model, el);
  return () => player.dispose();
}

export default { render };
