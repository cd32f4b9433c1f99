// Lines over time on a canvas: the mean as a line, least and greatest as a band; zoom by dragging, keys or a double click.
const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

function prepare(canvas) {
  const scale = window.devicePixelRatio || 1;
  const [width, height] = [canvas.clientWidth, canvas.clientHeight];
  if (canvas.width !== Math.round(width * scale)) canvas.width = Math.round(width * scale);
  if (canvas.height !== Math.round(height * scale)) canvas.height = Math.round(height * scale);
  const context = canvas.getContext("2d");
  context.setTransform(scale, 0, 0, scale, 0, 0);
  context.clearRect(0, 0, width, height);
  return { context, width, height };
}

export function spark(canvas, values) {
  const { context, width, height } = prepare(canvas);
  if (values.length < 2) return;
  const low = Math.min(...values), high = Math.max(...values), range = high - low || 1;
  context.strokeStyle = css("--accent");
  context.lineWidth = 1.5;
  context.beginPath();
  values.forEach((value, index) => {
    const x = 1 + (index / (values.length - 1)) * (width - 2), y = height - 3 - ((value - low) / range) * (height - 6);
    if (index) context.lineTo(x, y); else context.moveTo(x, y);
  });
  context.stroke();
}

function ticks(low, high, count) {
  const raw = (high - low) / count, power = 10 ** Math.floor(Math.log10(raw)), unit = [1, 2, 5, 10].find((u) => u * power >= raw) * power;
  const found = [];
  for (let value = Math.ceil(low / unit) * unit; value <= high + unit / 1e6; value += unit) found.push(Number(value.toPrecision(12)));
  return found;
}

const steps = [1e3, 5e3, 15e3, 6e4, 3e5, 9e5, 36e5, 108e5, 432e5, 864e5, 6048e5, 26784e5, 315576e5];

export class Chart {
  /// - load: asks for the points between two times; undefined: all that there is.
  constructor(canvas, load, status) {
    Object.assign(this, { canvas, load, status, points: [], span: null, drag: null, hover: null });
    canvas.tabIndex = 0;
    canvas.addEventListener("pointerdown", (e) => { canvas.setPointerCapture(e.pointerId); this.drag = { from: e.offsetX, to: e.offsetX }; });
    canvas.addEventListener("pointermove", (e) => { if (this.drag) this.drag.to = e.offsetX; this.hover = e.offsetX; this.draw(); });
    canvas.addEventListener("pointerleave", () => { this.hover = null; this.draw(); });
    canvas.addEventListener("pointerup", () => this.release());
    canvas.addEventListener("dblclick", () => this.zoom(null));
    canvas.addEventListener("keydown", (e) => this.key(e));
    this.observer = new ResizeObserver(() => this.draw());
    this.observer.observe(canvas);
  }

  async zoom(span) {
    this.span = span;
    await this.reload();
  }

  async reload() {
    const asked = (this.asked = Symbol());
    const points = await this.load(this.span);
    if (asked !== this.asked) return;
    this.points = points;
    const count = points.reduce((sum, p) => sum + p.count, 0);
    this.status(points.length ? `${count} value${count === 1 ? "" : "s"}` : "No values in this span");
    this.draw();
  }

  bounds() {
    const first = this.span?.[0] ?? this.points[0]?.timestamp ?? 0, last = this.span?.[1] ?? this.points.at(-1)?.timestamp ?? 1;
    return [first, last > first ? last : first + 1000];
  }

  release() {
    const drag = this.drag;
    this.drag = null;
    if (!drag || Math.abs(drag.to - drag.from) < 6) return this.draw();
    const [first, last] = this.bounds(), inner = this.canvas.clientWidth - 62;
    const time = (x) => first + (Math.min(Math.max(x - 52, 0), inner) / inner) * (last - first);
    const ends = [time(drag.from), time(drag.to)].sort((a, b) => a - b).map(Math.round);
    if (ends[1] - ends[0] >= 10) this.zoom(ends); else this.draw();
  }

  key(event) {
    const [first, last] = this.bounds(), quarter = Math.round((last - first) / 4);
    const moves = { "+": [quarter, -quarter], "=": [quarter, -quarter], "-": [-2 * quarter, 2 * quarter], ArrowLeft: [-quarter, -quarter], ArrowRight: [quarter, quarter] };
    if (event.key === "Escape" || event.key === "Home") { event.preventDefault(); return this.zoom(null); }
    const move = moves[event.key];
    if (!move || last - first + move[1] - move[0] < 10) return;
    event.preventDefault();
    this.zoom([first + move[0], last + move[1]].map(Math.round));
  }

  draw() {
    const { context, width, height } = prepare(this.canvas);
    const [left, right, top, bottom] = [52, 10, 8, 24];
    if (!this.points.length || width < 80) return;
    const [first, last] = this.bounds();
    let low = Math.min(...this.points.map((p) => p.minimum)), high = Math.max(...this.points.map((p) => p.maximum));
    if (low === high) { low -= 1; high += 1; }
    const pad = (high - low) * 0.06;
    low -= pad; high += pad;
    const x = (time) => left + ((time - first) / (last - first)) * (width - left - right);
    const y = (value) => top + (1 - (value - low) / (high - low)) * (height - top - bottom);
    context.font = "12px system-ui, sans-serif";
    context.fillStyle = css("--dim");
    context.strokeStyle = css("--line");
    context.lineWidth = 1;
    context.textAlign = "right";
    context.textBaseline = "middle";
    for (const value of ticks(low, high, 5)) {
      const place = Math.round(y(value)) + 0.5;
      context.beginPath(); context.moveTo(left, place); context.lineTo(width - right, place); context.stroke();
      context.fillText(Math.abs(value) >= 1e6 ? value.toExponential(1) : String(Number(value.toPrecision(5))), left - 6, place);
    }
    context.textAlign = "center";
    const step = steps.find((s) => (last - first) / s <= Math.max(2, width / 130)) ?? steps.at(-1);
    for (let time = Math.ceil(first / step) * step; time <= last; time += step) {
      const date = new Date(time), text = step >= 864e5 ? date.toLocaleDateString() : date.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", second: step < 6e4 ? "2-digit" : undefined });
      context.fillText(text, x(time), height - bottom / 2);
    }
    context.fillStyle = css("--band");
    context.beginPath();
    this.points.forEach((p, i) => (i ? context.lineTo(x(p.timestamp), y(p.maximum)) : context.moveTo(x(p.timestamp), y(p.maximum))));
    for (const p of [...this.points].reverse()) context.lineTo(x(p.timestamp), y(p.minimum));
    context.fill();
    context.strokeStyle = css("--accent");
    context.lineWidth = 1.6;
    context.beginPath();
    this.points.forEach((p, i) => (i ? context.lineTo(x(p.timestamp), y(p.average)) : context.moveTo(x(p.timestamp), y(p.average))));
    context.stroke();
    if (this.points.length < 60) {
      context.fillStyle = css("--accent");
      for (const p of this.points) { context.beginPath(); context.arc(x(p.timestamp), y(p.average), 2.2, 0, 7); context.fill(); }
    }
    if (this.drag) {
      context.fillStyle = css("--band");
      context.fillRect(Math.min(this.drag.from, this.drag.to), top, Math.abs(this.drag.to - this.drag.from), height - top - bottom);
    } else if (this.hover !== null && this.hover !== undefined) this.readout(context, x, y, width, top);
  }

  readout(context, x, y, width, top) {
    const nearest = this.points.reduce((best, p) => (Math.abs(x(p.timestamp) - this.hover) < Math.abs(x(best.timestamp) - this.hover) ? p : best));
    context.fillStyle = css("--text");
    context.beginPath(); context.arc(x(nearest.timestamp), y(nearest.average), 3.5, 0, 7); context.fill();
    const range = nearest.count > 1 ? ` (${Number(nearest.minimum.toPrecision(5))} to ${Number(nearest.maximum.toPrecision(5))}, ${nearest.count} values)` : "";
    context.textAlign = x(nearest.timestamp) > width / 2 ? "right" : "left";
    context.fillText(`${new Date(nearest.timestamp).toLocaleString()}  ${Number(nearest.average.toPrecision(7))}${range}`, x(nearest.timestamp) + (x(nearest.timestamp) > width / 2 ? -8 : 8), top + 8);
  }

  close() { this.observer.disconnect(); }
}
