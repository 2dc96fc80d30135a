// The scan player: page, keys and time. `scan_stage.js`, which paints, stands before this file.
//
// Everything that moves stays in the browser; Python hears of a position when the scan stops or a step is made.

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

// The neighbour of a value in a list, upwards (1) or downwards (-1).
function beside(list, value, direction) {
  const near = list.reduce((best, entry, i) => (Math.abs(entry - value) < Math.abs(list[best] - value) ? i : best), 0);
  return list[clamp(near + direction, 0, list.length - 1)];
}

class Player {
  constructor(model, el) {
    this.model = model;
    this.get = (name) => model.get(name);
    this.still = matchMedia("(prefers-reduced-motion: reduce)");
    this.build(el);
    this.stage = new ScanStage(this.canvas, this.get);
    this.listen();
    this.load();
    if (this.get("playing") && this.still.matches) this.set({ playing: false }); // waits for the button
    this.run();
  }

  set(changes, save = true) {
    for (const [key, value] of Object.entries(changes)) this.model.set(key, value);
    if (save) this.model.save_changes();
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
    this.slider = element("input", { type: "range", min: "0", "data-lm-suppress-shortcuts": "true" });
    this.slider.setAttribute("aria-label", "Token being read");
    this.status = element("div", { class: "lic-unseen", role: "status", "aria-live": "polite" });
    const lines = KEYS.map(([key, what]) => [element("b", {}, key), element("span", {}, what)]);
    this.help = element("div", { class: "lic-help", role: "list" });
    this.help.append(...lines.map((line) => element("div", { role: "listitem" }, ...line)));
    this.help.hidden = true;
    const scan = element("div", { class: "lic-scan" }, stage, side);
    const parts = [scan, this.strips, this.slider, this.bar(), this.help, this.status];
    this.root = element("div", { class: "lic-viewer lic-player", role: "group" }, ...parts);
    el.append(this.root);
  }

  bar() {
    this.orders = group("Order");
    this.play = button("▶ Play", "Play or pause (space bar)", () => this.toggle());
    this.play.className = "lic-play";
    const run = group(
      "Scan",
      button("|◀", "First token (key Home)", () => this.go(0)),
      button("◀", "One token back (key ←)", () => this.step(-1)),
      this.play,
      button("▶", "One token on (key →)", () => this.step(1)),
    );
    const readout = (title, wide = "") => element("output", { class: `lic-readout${wide}`, title });
    this.speedLabel = readout("Tokens a second");
    this.decayLabel = readout("What the state keeps from one token to the next", " lic-wide");
    const speed = group(
      "Speed",
      button("−", "Slower (key ↓)", () => this.speedBy(-1)),
      this.speedLabel,
      button("+", "Faster (key ↑)", () => this.speedBy(1)),
    );
    const decay = group(
      "Decay",
      button("−", "Forget sooner (key [)", () => this.decayBy(-1)),
      this.decayLabel,
      button("+", "Forget later (key ])", () => this.decayBy(1)),
    );
    this.helper = button("Keys", "Show the keys", () => {
      this.help.hidden = !this.help.hidden;
      this.helper.setAttribute("aria-expanded", String(!this.help.hidden));
    });
    this.helper.className = "lic-keys";
    this.helper.setAttribute("aria-expanded", "false");
    return element("div", { class: "lic-bar" }, this.orders, run, speed, decay, this.helper);
  }

  // ---- events --------------------------------------------------------------------------------------------------

  listen() {
    this.handlers = [
      [PICTURE, () => this.load()],
      [VIEW, () => this.draw()],
      ["change:playing", () => this.run()],
    ];
    for (const [events, handler] of this.handlers) this.model.on(events, handler);
    this.observer = new ResizeObserver(() => this.resize());
    this.observer.observe(this.root);
    this.watchDensity();
    this.canvas.onkeydown = (event) => this.key(event);
    this.canvas.onpointerdown = (event) => this.click(event);
    this.slider.oninput = () => this.go(Number(this.slider.value), false);
    this.slider.onchange = () => this.go(Number(this.slider.value));
  }

  // The browser's zoom, or a move to another screen, changes how many device pixels there are.
  watchDensity() {
    this.density = matchMedia(`(resolution: ${devicePixelRatio}dppx)`);
    this.density.onchange = () => (this.resize(), this.watchDensity());
  }

  dispose() {
    for (const [events, handler] of this.handlers) this.model.off(events, handler);
    this.density.onchange = null;
    this.observer.disconnect();
    cancelAnimationFrame(this.frame);
  }

  load() {
    this.stage.load();
    this.slider.max = String(this.stage.length - 1);
    const names = Object.keys(this.get("routes"));
    const choose = (name, i) => button(name, `Read in this order (key ${i + 1})`, () => this.choose(name));
    this.orders.replaceChildren(...names.map(choose));
    this.resize();
  }

  key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const stride = event.shiftKey ? this.get("shape")[1] : 1;
    const name = Object.keys(this.get("routes"))[Number(event.key) - 1];
    const action = {
      " ": () => this.toggle(),
      ArrowRight: () => this.step(stride),
      ArrowLeft: () => this.step(-stride),
      ArrowUp: () => this.speedBy(1),
      ArrowDown: () => this.speedBy(-1),
      Home: () => this.go(0),
      End: () => this.go(this.stage.length - 1),
      "[": () => this.decayBy(-1),
      "]": () => this.decayBy(1),
    }[event.key];
    if (action) action();
    else if (name) this.choose(name);
    else return; // Tab and the rest belong to the page
    event.preventDefault();
  }

  click(event) {
    if (event.button !== 0) return;
    const box = this.canvas.getBoundingClientRect();
    const [h, w] = this.get("shape");
    const row = clamp(Math.floor(((event.clientY - box.top) / box.height) * h), 0, h - 1);
    const column = clamp(Math.floor(((event.clientX - box.left) / box.width) * w), 0, w - 1);
    this.go(this.stage.times()[0][row * w + column]);
  }

  // ---- actions -------------------------------------------------------------------------------------------------

  choose(order) {
    this.set({ order });
    this.status.textContent = order;
  }

  toggle() {
    const start = !this.get("playing");
    if (start && this.get("position") >= this.stage.length - 1) this.model.set("position", 0);
    this.set({ playing: start });
  }

  step(tokens) {
    this.go(this.get("position") + tokens);
  }

  // A drag of the slider saves only at its end.
  go(position, save = true) {
    this.set({ position: clamp(position, 0, this.stage.length - 1), playing: false }, save);
    if (save) this.status.textContent = this.where.textContent;
  }

  speedBy(direction) {
    this.set({ speed: beside(SPEEDS, this.get("speed"), direction) });
    this.anchor();
  }

  decayBy(direction) {
    this.set({ decay: beside(DECAYS, this.get("decay"), direction) });
  }

  // ---- time ----------------------------------------------------------------------------------------------------

  anchor() {
    this.from = { position: this.get("position"), time: performance.now() };
  }

  run() {
    cancelAnimationFrame(this.frame);
    const playing = this.get("playing");
    this.play.textContent = playing ? "❚❚ Pause" : "▶ Play";
    if (!playing) return this.model.save_changes(); // where it stopped
    this.anchor();
    this.frame = requestAnimationFrame(() => this.tick());
  }

  tick() {
    if (!this.get("playing")) return;
    const passed = Math.floor(((performance.now() - this.from.time) / 1000) * this.get("speed"));
    const position = Math.min(this.from.position + passed, this.stage.length - 1);
    if (position !== this.get("position")) this.model.set("position", position); // draws
    if (position === this.stage.length - 1) this.set({ playing: false });
    else this.frame = requestAnimationFrame(() => this.tick());
  }

  // ---- what is seen --------------------------------------------------------------------------------------------

  resize() {
    this.stage.resize(this.root.clientWidth);
    this.draw();
  }

  draw() {
    this.words();
    this.layStrips();
    this.stage.paint();
    this.strips.querySelectorAll("canvas").forEach((canvas, route) => this.stage.paintStrip(canvas, route));
    this.root.dataset.drawn = Number(this.root.dataset.drawn ?? 0) + 1; // tests wait for this
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
    this.speedLabel.textContent = `${this.get("speed")} / s`;
    const half = Math.log(0.5) / Math.log(decay);
    this.decayLabel.textContent = `a = ${decay}, half after ${half < 10 ? half.toFixed(1) : Math.round(half)}`;
    this.slider.value = String(position);
    this.slider.setAttribute("aria-valuetext", this.where.textContent);
    this.root.setAttribute("aria-label", name);
    this.canvas.setAttribute("aria-label", `${name}, order ${this.get("order")}. ${this.where.textContent}.`);
  }

}

function render({ model, el }) {
  const player = new Player(model, el);
  return () => player.dispose();
}

export default { render };
