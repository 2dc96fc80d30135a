// The stage of the scan player: what is remembered of a picture, painted on canvases.
//
// Lengths are device pixels. The widget's traits are the only state and `get(name)` reads them.

const COLORS = ["#2b8cf0", "#d07a24", "#c2258c", "#0e7c3f"];
const SIDE = 384; // CSS pixels of the picture's longer side, at most
const [UNREAD, FORGOTTEN, TRAIL] = [0.28, 0.06, 0.3]; // opacities, and what must be left for the route to be drawn

class ScanStage {
  constructor(canvas, get) {
    this.canvas = canvas;
    this.get = get;
  }

  load() {
    const [h, w] = this.get("shape");
    const pixels = this.get("pixels");
    this.pixels = new Uint8Array(pixels.buffer, pixels.byteOffset, pixels.byteLength);
    this.length = h * w;
    this.read = {}; // order -> for each route, when every pixel is read
    for (const [name, sequences] of Object.entries(this.get("routes"))) {
      this.read[name] = sequences.map((sequence) => {
        const when = new Int32Array(this.length);
        sequence.forEach((pixel, token) => (when[pixel] = token));
        return when;
      });
    }
  }

  times() {
    return this.read[this.get("order")];
  }

  // Whole device pixels per token, as many as fit into a page of `width` CSS pixels.
  resize(width) {
    const [h, w] = this.get("shape");
    const room = Math.min(width || SIDE, SIDE) * devicePixelRatio;
    this.cell = Math.max(1, Math.floor(room / Math.max(h, w)));
    Object.assign(this.canvas, { width: w * this.cell, height: h * this.cell });
    this.canvas.style.width = `${this.canvas.width / devicePixelRatio}px`;
    this.canvas.style.height = `${this.canvas.height / devicePixelRatio}px`;
  }

  color(pixel, grey) {
    const [r, g, b] = this.pixels.subarray(3 * pixel, 3 * pixel + 3);
    const mean = Math.round((r + g + b) / 3);
    return grey ? `rgb(${mean}, ${mean}, ${mean})` : `rgb(${r}, ${g}, ${b})`;
  }

  // What a route has kept of a token, or -1 where it has not read it.
  kept(when) {
    const ago = this.get("position") - when;
    return ago < 0 ? -1 : this.get("decay") ** ago;
  }

  shade(context, pixel, kept) {
    context.globalAlpha = kept < 0 ? UNREAD : FORGOTTEN + (1 - FORGOTTEN) * kept;
    context.fillStyle = this.color(pixel, kept < 0);
  }

  paint() {
    const context = this.canvas.getContext("2d");
    const [, w] = this.get("shape");
    const { cell } = this;
    const times = this.times();
    context.clearRect(0, 0, this.canvas.width, this.canvas.height);
    for (let pixel = 0; pixel < this.length; pixel++) {
      this.shade(context, pixel, Math.max(...times.map((when) => this.kept(when[pixel]))));
      context.fillRect((pixel % w) * cell, Math.floor(pixel / w) * cell, cell, cell);
    }
    this.get("routes")[this.get("order")].forEach((sequence, route) => this.trail(context, sequence, COLORS[route % 4]));
    context.globalAlpha = 1;
  }

  // The route so far, fading as the state forgets, and a frame around the token being read. Jumps are faint.
  trail(context, sequence, color) {
    const [, w] = this.get("shape");
    const at = (token) => [sequence[token] % w, Math.floor(sequence[token] / w)].map((c) => (c + 0.5) * this.cell);
    const now = this.get("position");
    context.strokeStyle = color;
    context.lineWidth = Math.max(1, 1.5 * devicePixelRatio);
    for (let token = now; token > 0 && this.kept(token) > TRAIL; token--) {
      const [from, to] = [at(token - 1), at(token)];
      const far = Math.hypot(to[0] - from[0], to[1] - from[1]) > 1.5 * this.cell;
      context.globalAlpha = this.kept(token) * (far ? 0.25 : 0.9);
      context.beginPath();
      context.moveTo(...from);
      context.lineTo(...to);
      context.stroke();
    }
    const [x, y] = at(now);
    const half = this.cell / 2 + 2 * devicePixelRatio;
    context.globalAlpha = 1;
    for (const [style, width] of [["#fff", 5], [color, 3]]) {
      [context.strokeStyle, context.lineWidth] = [style, width * devicePixelRatio];
      context.strokeRect(x - half, y - half, 2 * half, 2 * half);
    }
  }

  paintStrip(canvas, route) {
    const width = Math.round(canvas.clientWidth * devicePixelRatio);
    const height = Math.round(22 * devicePixelRatio);
    if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
    const context = canvas.getContext("2d");
    context.clearRect(0, 0, width, height);
    const edge = (token) => Math.round((token * width) / this.length);
    this.get("routes")[this.get("order")][route].forEach((pixel, token) => {
      this.shade(context, pixel, this.kept(token));
      context.fillRect(edge(token), 0, edge(token + 1) - edge(token), height);
    });
    context.globalAlpha = 1;
    context.fillStyle = COLORS[route % 4];
    context.fillRect(edge(this.get("position") + 0.5) - devicePixelRatio, 0, 3 * devicePixelRatio, height);
  }

  // When the pixel's own token comes, how long ago the best route has read a neighbour, and how much of it is left.
  known(pixel, neighbour) {
    const ago = this.times().map((when) => when[pixel] - when[neighbour]).filter((tokens) => tokens > 0);
    if (!ago.length) return ["only later", "0 %"];
    const least = Math.min(...ago);
    const left = 100 * this.get("decay") ** least;
    return [`${least} token${least > 1 ? "s" : ""} ago`, left < 0.1 ? "< 0.1 %" : `${left.toPrecision(2)} %`];
  }
}
