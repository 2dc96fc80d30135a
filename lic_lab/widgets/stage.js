// The stage of the A/B viewer: two pictures of one size, decoded, placed and painted on a canvas.
//
// All lengths are device pixels. The widget's traits are the only state and `get(name)` reads them. Both pictures of a
// pair change places together, so a half-updated pair is never painted.

const MAX_SCALE = 32; // screen pixels per picture pixel
const LEAST_HEIGHT = 160; // CSS pixels, so that labels and divider always have room

class Stage {
  constructor(canvas, get) {
    this.canvas = canvas;
    this.context = canvas.getContext("2d");
    this.get = get;
    this.pictures = { a: null, b: null };
    this.asked = 0; // pairs asked for: a pair that finishes decoding late is dropped
    this.showB = false; // which of the two a flickering stage shows
  }

  // ---- pictures ------------------------------------------------------------------------------------------------

  // Decode the pair that the traits hold; true when it is the newest and has taken the stage.
  async load() {
    const turn = ++this.asked;
    const pair = await Promise.all([this.decode("a"), this.decode("b")]);
    if (turn !== this.asked || !pair[0] || !pair[1]) return false;
    const [a, b] = pair;
    for (const old of Object.values(this.pictures)) if (old && !pair.includes(old)) old.close();
    this.pictures = { a, b };
    this.differences = null;
    return true;
  }

  async decode(side) {
    const bytes = this.get(side);
    if (!bytes?.byteLength) return null;
    if (bytes === this.pictures[side]?.source) return this.pictures[side];
    const options = { colorSpaceConversion: "none", premultiplyAlpha: "none" }; // the very numbers Python sent
    const picture = await createImageBitmap(new Blob([bytes]), options);
    return Object.assign(picture, { source: bytes });
  }

  // |A - B| times the gain, computed once per pair and gain.
  difference() {
    const gain = this.get("gain");
    if (this.differences?.gain === gain) return this.differences.canvas;
    const { width, height } = this.size();
    const canvas = new OffscreenCanvas(width, height);
    const context = canvas.getContext("2d", { willReadFrequently: true });
    const pixels = (picture) => {
      context.drawImage(picture, 0, 0);
      return context.getImageData(0, 0, width, height);
    };
    const out = pixels(this.pictures.a);
    const other = pixels(this.pictures.b).data;
    for (let i = 0; i < other.length; i++) {
      out.data[i] = i % 4 === 3 ? 255 : Math.abs(out.data[i] - other[i]) * gain; // the array clamps at 255
    }
    context.putImageData(out, 0, 0);
    this.differences = { gain, canvas };
    return canvas;
  }

  // ---- geometry ------------------------------------------------------------------------------------------------

  size() {
    return this.pictures.a ?? { width: 1, height: 1 };
  }

  panes() {
    const { width, height } = this.canvas;
    if (this.get("mode") !== "side") return [{ x: 0, width, height }];
    const gap = Math.round(6 * devicePixelRatio);
    const half = Math.floor((width - gap) / 2);
    return [0, width - half].map((x) => ({ x, width: half, height }));
  }

  fitScale(pane = this.panes()[0]) {
    const { width, height } = this.size();
    const scale = Math.min(pane.width / width, pane.height / height) || 1;
    return scale >= 1 ? Math.min(Math.floor(scale), MAX_SCALE) : scale; // whole pixels where it is magnified
  }

  scale() {
    return this.fitScale() * this.get("zoom");
  }

  // The centre of view in fractions of the picture, held so that a picture larger than its pane leaves no gap.
  centre([x, y] = this.get("center")) {
    const { width, height } = this.size();
    const pane = this.panes()[0];
    const hold = (value, pixels, room) => {
      const half = room / (2 * pixels * this.scale());
      return half >= 0.5 ? 0.5 : clamp(value, half, 1 - half);
    };
    return [hold(x, width, pane.width), hold(y, height, pane.height)];
  }

  corner(pane) {
    const { width, height } = this.size();
    const [x, y] = this.centre();
    const scale = this.scale();
    return [
      Math.round(pane.x + pane.width / 2 - x * width * scale),
      Math.round(pane.height / 2 - y * height * scale),
    ];
  }

  // Left and right end of what is seen of the picture: the divider runs between them.
  visible() {
    const pane = this.panes()[0];
    const left = this.corner(pane)[0];
    return [Math.max(left, 0), Math.min(left + this.size().width * this.scale(), pane.width)];
  }

  divider() {
    const [left, right] = this.visible();
    return Math.round(left + this.get("split") * (right - left));
  }

  // Where the centre must go for the point under the pointer to stay there while the scale changes.
  centreAround(point, before, after) {
    const pane = this.panes().findLast((box) => point.x >= box.x) ?? this.panes()[0];
    const { width, height } = this.size();
    const [x, y] = this.centre();
    const change = 1 / before - 1 / after;
    const dx = point.x - pane.x - pane.width / 2;
    const dy = point.y - pane.height / 2;
    return [x + (dx * change) / width, y + (dy * change) / height];
  }

  // Take the width the page gives and the height the whole picture then needs.
  resize(width, ratio = devicePixelRatio) {
    if (!width) return; // not on the page yet
    const room = this.get("height") * ratio;
    const needed = this.pictures.a ? this.size().height * this.fitScale({ width, height: room }) : room;
    const height = Math.round(Math.max(needed, LEAST_HEIGHT * ratio));
    if (this.canvas.width === width && this.canvas.height === height) return;
    Object.assign(this.canvas, { width, height });
    this.canvas.style.height = `${height / ratio}px`;
  }

  // ---- painting ------------------------------------------------------------------------------------------------

  draw() {
    const { a, b } = this.pictures;
    if (!a || !b || !this.canvas.width) return;
    const mode = this.get("mode");
    const [first, second] = this.panes();
    this.context.clearRect(0, 0, this.canvas.width, this.canvas.height);
    if (mode === "split") {
      const x = this.divider();
      this.paint(a, first, 0, x);
      this.paint(b, first, x, this.canvas.width);
      this.handle(x);
    } else if (mode === "side") {
      this.paint(a, first);
      this.paint(b, second);
    } else if (mode === "difference") this.paint(this.difference(), first);
    else this.paint(this.showB ? b : a, first);
  }

  paint(picture, pane, from = pane.x, to = pane.x + pane.width) {
    const context = this.context;
    const scale = this.scale();
    context.save();
    context.beginPath();
    context.rect(from, 0, to - from, pane.height);
    context.clip();
    context.imageSmoothingEnabled = scale < 1; // magnified pixels are squares, not a blur
    context.imageSmoothingQuality = "high";
    context.drawImage(picture, ...this.corner(pane), picture.width * scale, picture.height * scale);
    context.restore();
  }

  handle(x) {
    const context = this.context;
    const r = devicePixelRatio;
    const middle = this.canvas.height / 2;
    context.fillStyle = context.strokeStyle = "rgba(0, 0, 0, 0.45)";
    context.fillRect(x - 2 * r, 0, 4 * r, this.canvas.height);
    context.fillStyle = "#fff";
    context.fillRect(x - r, 0, 2 * r, this.canvas.height);
    context.lineWidth = r;
    context.beginPath();
    context.arc(x, middle, 13 * r, 0, 2 * Math.PI);
    context.fill();
    context.stroke();
    context.strokeStyle = "#333";
    context.lineWidth = 2 * r;
    context.lineCap = context.lineJoin = "round";
    context.beginPath();
    for (const side of [-1, 1]) {
      context.moveTo(x + side * 4 * r, middle - 4 * r);
      context.lineTo(x + side * 8 * r, middle);
      context.lineTo(x + side * 4 * r, middle + 4 * r);
    }
    context.stroke();
  }
}
