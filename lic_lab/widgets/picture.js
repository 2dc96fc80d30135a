// A picture with its words, and, where it is a picker, with a marked place that a click or the arrow keys move.
//
// The place is shown at once; Python hears of it with the same event and answers when it can.

const HINT = "Arrow keys move the mark, with Shift eight times as far.";

class PictureView {
  constructor(model, el) {
    this.model = model;
    this.picks = Boolean(model.get("picks"));
    this.image = element("img", { draggable: "false" });
    this.mark = element("div", { class: "lic-mark", "aria-hidden": "true" });
    this.stage = element("div", { class: "lic-picture-stage" }, this.image, this.mark);
    this.title = element("div", { class: "lic-picture-title" });
    this.scale = element("div", { class: "lic-scale" }, element("span"), element("i"), element("span"));
    this.note = element("figcaption", { class: "lic-picture-note" });
    this.status = element("div", { class: "lic-unseen", role: "status", "aria-live": "polite" });
    const parts = [this.title, this.stage, this.scale, this.note, this.status];
    this.root = element("figure", { class: "lic-picture" }, ...parts);
    el.append(this.root);
    this.listen();
    this.load();
    this.words();
  }

  listen() {
    this.handlers = [
      ["change:png", () => this.load()],
      ["change:about", () => this.words()],
      ["change:value change:side", () => this.place()],
    ];
    for (const [events, handler] of this.handlers) this.model.on(events, handler);
    this.observer = new ResizeObserver(() => this.sharpen());
    this.observer.observe(this.stage);
    this.image.onload = () => {
      this.sharpen();
      this.place();
      this.root.dataset.drawn = Number(this.root.dataset.drawn ?? 0) + 1; // tests wait for this
    };
    this.mark.hidden = !this.picks;
    if (!this.picks) return;
    this.stage.tabIndex = 0;
    this.stage.setAttribute("role", "application");
    this.stage.dataset.lmSuppressShortcuts = "true"; // JupyterLab takes letters and arrows as commands otherwise
    this.stage.onkeydown = (event) => this.key(event);
    this.stage.onpointerdown = (event) => this.grab(event);
  }

  dispose() {
    for (const [events, handler] of this.handlers) this.model.off(events, handler);
    this.observer.disconnect();
    URL.revokeObjectURL(this.url);
  }

  load() {
    const bytes = this.model.get("png");
    if (!bytes?.byteLength) return;
    const old = this.url;
    this.url = URL.createObjectURL(new Blob([bytes], { type: "image/png" }));
    this.image.src = this.url;
    if (old) URL.revokeObjectURL(old);
  }

  words() {
    const { title, note, alt, scale, width } = this.model.get("about");
    this.title.textContent = title;
    this.note.textContent = note;
    this.title.hidden = !title;
    this.note.hidden = !note;
    this.scale.hidden = !scale;
    this.root.style.maxWidth = `${width}px`;
    if (scale) {
      const [low, bar, high] = this.scale.children;
      low.textContent = scale.low;
      high.textContent = scale.high;
      bar.style.background = `linear-gradient(to right, ${scale.colors.join(", ")})`;
    }
    this.image.alt = this.picks ? "" : alt;
    this.alt = alt;
    this.place();
  }

  // Magnified pixels are squares, not a blur.
  sharpen() {
    this.image.style.imageRendering = this.image.clientWidth > this.image.naturalWidth ? "pixelated" : "auto";
  }

  size() {
    return [this.image.naturalHeight || 1, this.image.naturalWidth || 1];
  }

  place() {
    if (!this.picks || !this.image.naturalWidth) return;
    const [height, width] = this.size();
    const [row, column] = this.model.get("value");
    const side = this.model.get("side");
    Object.assign(this.mark.style, {
      top: `${(100 * row) / height}%`,
      left: `${(100 * column) / width}%`,
      width: `${(100 * side) / width}%`,
      height: `${(100 * side) / height}%`,
    });
    this.stage.setAttribute("aria-label", `${this.alt}. Row ${row}, column ${column}. ${HINT}`);
  }

  // Whole steps from the upper left corner, and never outside.
  choose(row, column) {
    const [height, width] = this.size();
    const step = this.model.get("step");
    const snap = (value, most) => clamp(Math.floor(value / step) * step, 0, Math.floor((most - 1) / step) * step);
    const value = [snap(row, height), snap(column, width)];
    if (value.join() === this.model.get("value").join()) return;
    this.model.set("value", value);
    this.model.save_changes();
  }

  key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const arrow = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] }[event.key];
    if (!arrow) return; // Tab and the rest belong to the page
    const far = this.model.get("step") * (event.shiftKey ? 8 : 1);
    const [row, column] = this.model.get("value");
    this.choose(row + far * arrow[0], column + far * arrow[1]);
    const [down, right] = this.model.get("value");
    this.status.textContent = `Row ${down}, column ${right}`;
    event.preventDefault();
  }

  grab(event) {
    if (event.button !== 0) return;
    this.stage.setPointerCapture(event.pointerId);
    const take = (at) => {
      const box = this.image.getBoundingClientRect();
      const [height, width] = this.size();
      this.choose(((at.clientY - box.top) / box.height) * height, ((at.clientX - box.left) / box.width) * width);
    };
    take(event);
    this.stage.onpointermove = take;
    this.stage.onpointerup = this.stage.onpointercancel = () => {
      this.stage.onpointermove = this.stage.onpointerup = this.stage.onpointercancel = null;
    };
  }
}

function render({ model, el }) {
  const view = new PictureView(model, el);
  return () => view.dispose();
}

export default { render };
