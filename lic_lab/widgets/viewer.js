// The A/B viewer: compare two pictures by split, side by side, flicker or difference. `stage.js` stands before this file.
//
// Everything that moves stays in the browser; Python hears of it when a key or a drag is finished.

const MODES = [
  ["split", "Split", "1", "Drag the divider, or use the left and right arrow keys"],
  ["side", "Side by side", "2", "Both pictures, zoomed and moved together"],
  ["flicker", "Flicker", "3", "One after the other in the same place; the space bar switches by hand"],
  ["difference", "Difference", "4", "How far A and B are apart, channel by channel, made brighter"],
];
const KEYS = [
  ["1 2 3 4", "split, side by side, flicker, difference"],
  ["← →", "move the divider (split) or the picture"],
  ["Shift + arrows", "move the picture"],
  ["+ −", "zoom in, zoom out"],
  ["0", "whole picture"],
  ["9", "one picture pixel per screen pixel"],
  ["Space", "flicker: switch by hand"],
  ["[ ]", "difference: darker, brighter"],
];
const GAINS = [1, 2, 4, 8, 16, 32];
const STEPS = [1, 2, 3, 4, 6, 8, 12, 16, 24, 32]; // screen pixels per picture pixel
const FLICKER_MS = 500; // two changes a second, below the three flashes that can harm
const CLOSE = 18; // CSS pixels around the divider in which a drag takes hold of it
const PICTURES = "change:a change:b change:about_a change:about_b";
const VIEW = "change:mode change:split change:zoom change:center change:gain change:name";

class Viewer {
  constructor(model, el) {
    this.model = model;
    this.get = (name) => model.get(name);
    this.build(el);
    this.stage = new Stage(this.canvas, this.get);
    this.listen();
    this.load();
  }

  // A drag saves only at its end.
  set(changes, save = true) {
    for (const [key, value] of Object.entries(changes)) this.model.set(key, value);
    if (save) this.model.save_changes();
  }

  // ---- page ----------------------------------------------------------------------------------------------------

  build(el) {
    this.canvas = element("canvas", { tabindex: "0", role: "application", "data-lm-suppress-shortcuts": "true" });
    this.canvas.setAttribute("aria-roledescription", "picture comparison");
    this.chips = { a: this.chip("a"), b: this.chip("b") };
    this.hint = element("div", { class: "lic-hint", "aria-hidden": "true" }, "Hold Ctrl (or ⌘) and scroll to zoom");
    const stage = element("div", { class: "lic-stage" }, this.canvas, this.chips.a, this.chips.b, this.hint);
    this.status = element("div", { class: "lic-unseen", role: "status", "aria-live": "polite" });
    const lines = KEYS.map(([key, what]) => [element("b", {}, key), element("span", {}, what)]);
    const items = lines.map((line) => element("div", { role: "listitem" }, ...line));
    this.help = element("div", { class: "lic-help", role: "list" }, ...items);
    this.help.hidden = true;
    this.root = element("div", { class: "lic-viewer", role: "group" }, stage, this.bar(), this.help, this.status);
    el.append(this.root);
  }

  bar() {
    this.modes = group("View");
    for (const [mode, text, key, title] of MODES) {
      const node = button(text, `${title} (key ${key})`, () => this.choose(mode));
      node.dataset.mode = mode;
      this.modes.append(node);
    }
    const readout = (title) => element("output", { class: "lic-readout", title });
    this.scaleLabel = readout("Screen pixels per picture pixel");
    this.gainLabel = readout("What the difference is multiplied by");
    const zoom = group(
      "Zoom",
      button("−", "Zoom out (key −)", () => this.zoomBy(-1)),
      this.scaleLabel,
      button("+", "Zoom in (key +)", () => this.zoomBy(1)),
      button("Fit", "Whole picture (key 0)", () => this.fit()),
      button("1:1", "One picture pixel per screen pixel (key 9)", () => this.real()),
    );
    const darker = button("−", "Darker (key [)", () => this.gainBy(-1));
    this.gain = group("Gain", darker, this.gainLabel, button("+", "Brighter (key ])", () => this.gainBy(1)));
    this.helper = button("Keys", "Show the keys", () => this.toggleHelp());
    this.helper.className = "lic-keys";
    this.helper.setAttribute("aria-expanded", "false");
    return element("div", { class: "lic-bar" }, this.modes, zoom, this.gain, this.helper);
  }

  chip(side) {
    const letter = element("i", {}, side.toUpperCase());
    return element("div", { class: `lic-chip lic-chip-${side}` }, letter, element("b"), element("span"));
  }

  toggleHelp() {
    this.help.hidden = !this.help.hidden;
    this.helper.setAttribute("aria-expanded", String(!this.help.hidden));
  }

  // ---- events --------------------------------------------------------------------------------------------------

  listen() {
    this.onPictures = () => {
      this.pending ??= Promise.resolve().then(() => this.load()); // one message may change A and B: load once
    };
    [this.onView, this.onSize] = [() => this.draw(), () => this.resize()];
    this.model.on(PICTURES, this.onPictures);
    this.model.on(VIEW, this.onView);
    this.model.on("change:height", this.onSize);
    this.watchDensity();
    this.observer = new ResizeObserver((entries) => this.resize(entries[0]));
    try {
      this.observer.observe(this.canvas, { box: "device-pixel-content-box" }); // exact at any browser zoom
    } catch {
      this.observer.observe(this.canvas); // Safari
    }
    this.canvas.onkeydown = (event) => this.key(event);
    this.canvas.onpointerdown = (event) => this.grab(event);
    this.canvas.onpointermove = (event) => this.hover(event);
    this.canvas.ondblclick = (event) => this.zoomBy(event.shiftKey ? -1 : 1, this.at(event));
    this.canvas.addEventListener("wheel", (event) => this.wheel(event), { passive: false });
    this.still = matchMedia("(prefers-reduced-motion: reduce)");
  }

  // The browser's zoom, or a move to another screen, changes how many device pixels there are.
  watchDensity() {
    this.density = matchMedia(`(resolution: ${devicePixelRatio}dppx)`);
    this.density.onchange = () => (this.resize(), this.watchDensity());
  }

  dispose() {
    this.model.off(PICTURES, this.onPictures);
    this.model.off(VIEW, this.onView);
    this.model.off("change:height", this.onSize);
    this.density.onchange = null;
    this.observer.disconnect();
    clearInterval(this.timer);
    clearTimeout(this.hinting);
    this.stage.asked++; // whatever is still being decoded is dropped
  }

  async load() {
    this.pending = null;
    if (!(await this.stage.load())) return;
    this.resize();
    this.root.dataset.drawn = Number(this.root.dataset.drawn ?? 0) + 1; // tests wait for this
  }

  resize(entry) {
    this.entry = entry ?? this.entry;
    const exact = this.entry?.devicePixelContentBoxSize?.[0].inlineSize;
    const about = this.canvas.clientWidth * devicePixelRatio; // some browsers give no exact size, or an old one
    this.stage.resize(Math.abs(exact - about) < 2 ? exact : Math.round(about));
    this.draw();
  }

  key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const arrow = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
    const mode = MODES.find((entry) => entry[2] === event.key)?.[0];
    const action = {
      "+": () => this.zoomBy(1),
      "=": () => this.zoomBy(1),
      "-": () => this.zoomBy(-1),
      0: () => this.fit(),
      9: () => this.real(),
      "[": () => this.gainBy(-1),
      "]": () => this.gainBy(1),
      " ": () => this.switchByHand(),
    }[event.key];
    if (arrow?.[0] && this.get("mode") === "split" && !event.shiftKey) this.moveSplit(0.02 * arrow[0]);
    else if (arrow) this.pan(-40 * devicePixelRatio * arrow[0], -40 * devicePixelRatio * arrow[1]);
    else if (mode) this.choose(mode);
    else if (action) action();
    else return; // Tab and the rest belong to the page
    event.preventDefault();
  }

  at(event) {
    const box = this.canvas.getBoundingClientRect();
    const ratio = this.canvas.width / box.width;
    return { x: (event.clientX - box.left) * ratio, y: (event.clientY - box.top) * ratio };
  }

  overDivider(event) {
    if (this.get("mode") !== "split") return false;
    const near = Math.abs(this.at(event).x - this.stage.divider()) < CLOSE * devicePixelRatio;
    return near || this.get("zoom") === 1; // the whole picture cannot be moved, so any drag moves the divider
  }

  grab(event) {
    if (event.button !== 0 || !this.stage.pictures.a) return;
    this.canvas.setPointerCapture(event.pointerId);
    const divider = this.overDivider(event);
    let last = this.at(event);
    if (divider) this.splitAt(last.x);
    this.canvas.onpointermove = (move) => {
      const here = this.at(move);
      if (divider) this.splitAt(here.x);
      else this.pan(here.x - last.x, here.y - last.y, false);
      last = here;
    };
    this.canvas.onpointerup = this.canvas.onpointercancel = () => {
      this.canvas.onpointermove = (move) => this.hover(move);
      this.canvas.onpointerup = this.canvas.onpointercancel = null;
      this.model.save_changes();
    };
  }

  hover(event) {
    this.canvas.style.cursor = this.overDivider(event) ? "ew-resize" : this.get("zoom") > 1 ? "grab" : "default";
  }

  wheel(event) {
    if (event.ctrlKey || event.metaKey) {
      event.preventDefault();
      this.zoomTo(this.get("zoom") * Math.exp(-event.deltaY / 300), this.at(event));
      return;
    }
    this.hint.classList.add("lic-on"); // a plain wheel scrolls the page, as it should
    clearTimeout(this.hinting);
    this.hinting = setTimeout(() => this.hint.classList.remove("lic-on"), 900);
  }

  // ---- actions -------------------------------------------------------------------------------------------------

  choose(mode) {
    this.stage.showB = this.byHand = false;
    this.set({ mode });
    this.status.textContent = MODES.find((entry) => entry[0] === mode)[1];
  }

  splitAt(x) {
    const [left, right] = this.stage.visible();
    this.set({ split: clamp((x - left) / (right - left), 0, 1) }, false);
  }

  moveSplit(step) {
    this.set({ split: clamp(this.get("split") + step, 0, 1) });
  }

  pan(dx, dy, save = true) {
    const { width, height } = this.stage.size();
    const scale = this.stage.scale();
    const [x, y] = this.stage.centre();
    this.set({ center: this.stage.centre([x - dx / (width * scale), y - dy / (height * scale)]) }, save);
  }

  // One step up or down on whole screen pixels, so that magnified pixels stay square.
  zoomBy(direction, point = null) {
    const fit = this.stage.fitScale();
    const now = this.stage.scale();
    const steps = [fit, ...STEPS.filter((step) => step > fit)];
    const next = direction > 0 ? steps.find((step) => step > now * 1.01) : steps.findLast((step) => step < now / 1.01);
    if (next) this.zoomTo(next / fit, point);
  }

  zoomTo(zoom, point = null) {
    const fit = this.stage.fitScale();
    const after = clamp(zoom, 1, Math.max(1, MAX_SCALE / fit));
    const center = point ? this.stage.centreAround(point, this.stage.scale(), after * fit) : this.stage.centre();
    this.model.set("zoom", after);
    this.set({ center: this.stage.centre(center) });
  }

  fit() {
    this.set({ zoom: 1, center: [0.5, 0.5] });
  }

  real() {
    this.zoomTo(1 / this.stage.fitScale());
  }

  gainBy(direction) {
    const now = GAINS.findIndex((gain) => gain >= this.get("gain"));
    this.set({ gain: GAINS[clamp(now + direction, 0, GAINS.length - 1)] });
  }

  switchByHand() {
    if (this.get("mode") !== "flicker") return;
    this.byHand = true;
    this.stage.showB = !this.stage.showB;
    this.draw();
    this.status.textContent = this.get(this.stage.showB ? "about_b" : "about_a").label;
  }

  // ---- what is seen --------------------------------------------------------------------------------------------

  draw() {
    const flicker = this.get("mode") === "flicker" && !this.byHand && !this.still.matches;
    if (flicker !== Boolean(this.timer)) {
      clearInterval(this.timer);
      this.timer = flicker ? setInterval(() => this.tick(), FLICKER_MS) : null;
    }
    this.words();
    this.stage.draw();
  }

  tick() {
    this.stage.showB = !this.stage.showB;
    this.draw();
  }

  label(side, { label, caption, color }) {
    const [letter, name, rest] = this.chips[side].children;
    letter.hidden = !color;
    letter.style.background = color;
    name.textContent = label;
    rest.textContent = caption;
  }

  words() {
    const mode = this.get("mode");
    const [a, b, name] = ["about_a", "about_b", "name"].map(this.get);
    for (const node of this.modes.children) node.setAttribute("aria-pressed", String(node.dataset.mode === mode));
    const difference = { label: `|A − B| × ${this.get("gain")}`, caption: `${a.label} against ${b.label}` };
    this.label("a", mode === "difference" ? difference : a);
    this.label("b", b);
    this.chips.a.hidden = mode === "flicker" && this.stage.showB;
    this.chips.b.hidden = mode === "difference" || (mode === "flicker" && !this.stage.showB);
    this.root.dataset.mode = mode;
    this.gain.hidden = mode !== "difference";
    this.gainLabel.textContent = `× ${this.get("gain")}`;
    this.scaleLabel.textContent = `${Math.round(100 * this.stage.scale())} %`;
    this.root.setAttribute("aria-label", name);
    this.canvas.setAttribute("aria-label", `${name}. A: ${a.label} ${a.caption}. B: ${b.label} ${b.caption}.`);
  }
}

function render({ model, el }) {
  const viewer = new Viewer(model, el);
  return () => viewer.dispose();
}

export default { render };
