// Something that plays along a line of positions: buttons, keys, slider and time. Players extend it; `page.js` stands
// before it.
//
// A player brings `keys` ([key, what it does], ...), `speeds`, `length()`, `unit` (what a step is called), `saw()` (what
// is said of the position), `draw()` and `size(width)`. Everything that moves stays in the browser; Python hears of a
// position when playing stops or a step is made. The widget's traits position, playing and speed are the only state.

// The neighbour of a value in a list, upwards (1) or downwards (-1).
function beside(list, value, direction) {
  const near = list.reduce((best, entry, i) => (Math.abs(entry - value) < Math.abs(list[best] - value) ? i : best), 0);
  return list[clamp(near + direction, 0, list.length - 1)];
}

class Transport {
  constructor(model, keys, speeds, unit) {
    Object.assign(this, { model, keys, speeds, unit });
    this.get = (name) => model.get(name);
    this.still = matchMedia("(prefers-reduced-motion: reduce)");
  }

  set(changes, save = true) {
    for (const [key, value] of Object.entries(changes)) this.model.set(key, value);
    if (save) this.model.save_changes();
  }

  // Begin, once the page is built: what played waits for the button where less motion is asked for.
  start() {
    if (this.get("playing") && this.still.matches) this.set({ playing: false });
    this.run();
  }

  // ---- page ----------------------------------------------------------------------------------------------------

  // Put `parts`, the slider, the bar, the list of keys and a line for screen readers into a frame on the page.
  frameOn(el, kind, parts, ...groups) {
    this.slider = element("input", { type: "range", min: "0", "data-lm-suppress-shortcuts": "true" });
    this.slider.setAttribute("aria-label", `${this.unit} that is shown`);
    this.status = element("div", { class: "lic-unseen", role: "status", "aria-live": "polite" });
    const lines = this.keys.map(([key, what]) => [element("b", {}, key), element("span", {}, what)]);
    this.help = element("div", { class: "lic-help", role: "list" });
    this.help.append(...lines.map((line) => element("div", { role: "listitem" }, ...line)));
    this.help.hidden = true;
    const bar = element("div", { class: "lic-bar" }, ...groups, this.helper());
    const all = [...parts, this.slider, bar, this.help, this.status];
    this.root = element("div", { class: `lic-viewer lic-player ${kind}`, role: "group" }, ...all);
    el.append(this.root);
  }

  helper() {
    const node = button("Keys", "Show the keys", () => {
      this.help.hidden = !this.help.hidden;
      node.setAttribute("aria-expanded", String(!this.help.hidden));
    });
    node.className = "lic-keys";
    node.setAttribute("aria-expanded", "false");
    return node;
  }

  runGroup(name) {
    this.play = button("▶ Play", "Play or pause (space bar)", () => this.toggle());
    this.play.className = "lic-play";
    const one = this.unit.toLowerCase();
    return group(
      name,
      button("|◀", `First ${one} (key Home)`, () => this.go(0)),
      button("◀", `One ${one} back (key ←)`, () => this.step(-1)),
      this.play,
      button("▶", `One ${one} on (key →)`, () => this.step(1)),
    );
  }

  speedGroup() {
    this.speedLabel = readout(`${this.unit}s a second`);
    return group(
      "Speed",
      button("−", "Slower (key ↓)", () => this.speedBy(-1)),
      this.speedLabel,
      button("+", "Faster (key ↑)", () => this.speedBy(1)),
    );
  }

  // ---- events --------------------------------------------------------------------------------------------------

  listen(handlers) {
    this.handlers = [
      ...handlers,
      ["change:playing", () => this.run()],
      ["change:speed", () => this.anchor()],
      ["change:position", () => this.follow()],
    ];
    for (const [events, handler] of this.handlers) this.model.on(events, handler);
    this.observer = new ResizeObserver(() => this.resize());
    this.observer.observe(this.root);
    this.watchDensity();
    this.canvas.onkeydown = (event) => this.key(event);
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

  key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const stride = event.shiftKey ? this.stride() : 1;
    const action = {
      " ": () => this.toggle(),
      ArrowRight: () => this.step(stride),
      ArrowLeft: () => this.step(-stride),
      ArrowUp: () => this.speedBy(1),
      ArrowDown: () => this.speedBy(-1),
      Home: () => this.go(0),
      End: () => this.go(this.length() - 1),
      ...this.moreKeys(event),
    }[event.key];
    if (!action) return; // Tab and the rest belong to the page
    action();
    event.preventDefault();
  }

  stride() {
    return 1;
  }

  moreKeys() {
    return {};
  }

  // ---- actions -------------------------------------------------------------------------------------------------

  toggle() {
    const start = !this.get("playing");
    if (start && this.get("position") >= this.length() - 1) this.model.set("position", 0);
    this.set({ playing: start });
  }

  step(by) {
    this.go(this.get("position") + by);
  }

  // A drag of the slider saves only at its end.
  go(position, save = true) {
    this.set({ position: clamp(position, 0, this.length() - 1), playing: false }, save);
    if (save) this.status.textContent = this.saw();
  }

  speedBy(direction) {
    this.set({ speed: beside(this.speeds, this.get("speed"), direction) });
  }

  // ---- time ----------------------------------------------------------------------------------------------------

  anchor() {
    this.from = { position: this.get("position"), time: performance.now() };
  }

  // A position that somebody else chose, Python or another view of this player, is where it goes on from.
  follow() {
    if (this.get("position") !== this.reached) this.anchor();
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
    const position = Math.min(this.from.position + passed, this.length() - 1);
    this.reached = position;
    if (position !== this.get("position")) this.model.set("position", position); // draws
    if (position === this.length() - 1) this.set({ playing: false });
    else this.frame = requestAnimationFrame(() => this.tick());
  }

  // ---- what is seen --------------------------------------------------------------------------------------------

  resize() {
    this.size(this.root.clientWidth);
    this.draw();
  }

  // What slider, bar and frame say of the position; a player calls it when it draws.
  tell() {
    this.speedLabel.textContent = `${this.get("speed")} / s`;
    this.slider.value = String(this.get("position"));
    this.slider.setAttribute("aria-valuetext", this.saw());
    this.root.setAttribute("aria-label", this.get("name"));
    this.root.dataset.drawn = Number(this.root.dataset.drawn ?? 0) + 1; // tests wait for this
  }
}

function readout(title, wide = "") {
  return element("output", { class: `lic-readout${wide}`, title });
}
