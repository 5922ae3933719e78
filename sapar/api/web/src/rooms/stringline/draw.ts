/** The diagram on a canvas: plan as hairlines, driven 2 px, expected dotted, ghosts dashed. */
import type { PlacedBus } from "../../data/console";
import { adherenceOf } from "../../domain/adherence";
import type { Palette } from "../../map/colours";
import {
  type Day,
  driveLines,
  expectedLine,
  type Point,
  planLine,
  type Run,
  stateOf,
} from "./model";
import { type Frame, namedStops, stepOf, type View, xOf, yOf } from "./scale";

export interface Scene {
  readonly day: Day;
  readonly view: View;
  readonly frame: Frame;
  readonly palette: Palette;
  /** Seconds of the service day up to which something is known; null: the whole day is. */
  readonly now_s: number | null;
  /** Buses of the direction as they stand now. */
  readonly buses: readonly PlacedBus[];
  readonly selectedBus: string | null;
  readonly selectedTrip: string | null;
  readonly hover: Hit | null;
  clock(at_s: number): string;
}

export interface Hit {
  readonly run: Run;
  readonly vehicle_id: string | null;
  readonly point: Point;
  readonly x: number;
  readonly y: number;
}

const font = "13px 'IBM Plex Sans', sans-serif";
const tones = {
  early2: "cold2",
  early1: "cold1",
  even: "even",
  late1: "warm1",
  late2: "warm2",
  none: "even",
} as const;

/** Draws all; gives where the driven and the missing runs lie, for the pointer. */
export function draw(context: CanvasRenderingContext2D, scene: Scene): readonly Hit[] {
  const { frame, day, view } = scene;
  context.clearRect(0, 0, frame.width, frame.height);
  context.font = font;
  context.lineJoin = "round";
  grid(context, scene);
  context.save();
  context.beginPath();
  context.rect(frame.left, 0, frame.width - frame.left - frame.right, frame.height);
  context.clip();
  const hits: Hit[] = [];
  const late: (() => void)[] = [];
  const expected = new Map(day.expected.map((one) => [nameOf(one), one]));
  const now_s = scene.now_s ?? Number.POSITIVE_INFINITY;
  const latest_s = view.from_s + view.length_s;
  for (const run of day.runs) {
    if (run.start_s > latest_s + 3600 || endOf(run) < view.from_s - 3600) continue;
    const one = expected.get(nameOf(run));
    const state = stateOf(run, now_s, one !== undefined);
    const chosen =
      (state === "missing" && run.trip_id === scene.selectedTrip) ||
      run.drives.some(({ vehicle_id }) => vehicle_id === scene.selectedBus) ||
      (one?.vehicle_id != null && one.vehicle_id === scene.selectedBus);
    const paint = (): void => drawRun(context, scene, run, one ?? null, state, chosen, hits);
    if (chosen) late.push(paint);
    else paint();
  }
  for (const paint of late) paint();
  nowLine(context, scene);
  context.restore();
  return hits;
}

function nameOf(run: { readonly trip_id: string; readonly start_s: number }): string {
  return `${run.trip_id} ${run.start_s}`;
}

function endOf(run: Run): number {
  const last = run.arrival_s[run.arrival_s.length - 1] ?? run.start_s;
  const driven = run.drives.map(({ arrival_s }) => arrival_s[arrival_s.length - 1] ?? 0);
  return Math.max(last, ...driven);
}

function grid(context: CanvasRenderingContext2D, scene: Scene): void {
  const { day, view, frame, palette } = scene;
  const ys = day.stops.map(({ along }) => yOf(along, upwards(day), frame));
  const named = namedStops(ys, 16);
  context.textBaseline = "middle";
  context.textAlign = "right";
  day.stops.forEach(({ name }, n) => {
    const y = Math.round(ys[n] ?? 0) + 0.5;
    context.strokeStyle = palette.hair;
    context.lineWidth = 1;
    stroke(context, [
      [frame.left, y],
      [frame.width - frame.right, y],
    ]);
    if (!named.has(n)) return;
    context.fillStyle = palette.ink2;
    context.fillText(shortened(context, name, frame.left - 16), frame.left - 8, y);
  });
  const step = stepOf(view, frame);
  context.textAlign = "center";
  for (
    let at = Math.ceil(view.from_s / step) * step;
    at < view.from_s + view.length_s;
    at += step
  ) {
    const x = Math.round(xOf(at, view, frame)) + 0.5;
    context.strokeStyle = palette.hair;
    stroke(context, [
      [x, frame.top - 6],
      [x, frame.height - frame.bottom],
    ]);
    context.fillStyle = palette.ink2;
    context.fillText(scene.clock(at), x, frame.top - 16);
  }
}

function shortened(context: CanvasRenderingContext2D, text: string, width: number): string {
  if (context.measureText(text).width <= width) return text;
  let cut = text.length;
  while (cut > 1 && context.measureText(`${text.slice(0, cut)}…`).width > width) cut -= 1;
  return `${text.slice(0, cut).trimEnd()}…`;
}

function drawRun(
  context: CanvasRenderingContext2D,
  scene: Scene,
  run: Run,
  expected: Day["expected"][number] | null,
  state: ReturnType<typeof stateOf>,
  chosen: boolean,
  hits: Hit[],
): void {
  const { day, palette } = scene;
  const planned = planLine(run, day.stops);
  context.setLineDash([]);
  if (state === "missing") {
    context.setLineDash([7, 5]);
    context.strokeStyle = palette.ink;
    context.lineWidth = chosen ? 3 : 1.6;
    stroke(context, pixels(planned, scene));
    context.setLineDash([]);
    remember(planned, run, null, scene, hits);
    label(context, planned, run.block_id ?? "", scene);
  } else {
    context.strokeStyle = palette.muted;
    context.globalAlpha = 0.55;
    context.lineWidth = 1;
    stroke(context, pixels(planned, scene));
    context.globalAlpha = 1;
  }
  let last: Point | null = null;
  for (const drive of run.drives) {
    for (const line of driveLines(drive, run, day.stops)) {
      driven(context, line, chosen, scene);
      remember(line, run, drive.vehicle_id, scene, hits);
      last = line[line.length - 1] ?? last;
    }
  }
  const bus = scene.buses.find(
    (one) =>
      one.trip_id === run.trip_id && Math.abs(one.start_s - day.day_start_s - run.start_s) < 60,
  );
  const here = bus && scene.now_s !== null ? placeOf(bus, day, scene.now_s) : null;
  if (here && last && here.at_s >= last.at_s) {
    driven(context, [last, { ...here, delay_s: last.delay_s }], chosen, scene);
  }
  if (expected) {
    const line = expectedLine(expected, day.stops, here ?? last);
    context.setLineDash([2, 4]);
    context.strokeStyle = chosen ? palette.ink : palette.ink2;
    context.lineWidth = chosen ? 2.5 : 1.6;
    stroke(context, pixels(line, scene));
    context.setLineDash([]);
    remember(line, run, expected.vehicle_id, scene, hits);
  }
  if (here && bus) marker(context, here, bus.id, chosen, scene);
}

/** Where a bus stands between its stops now; null when its stops are not on the axis. */
function placeOf(bus: PlacedBus, day: Day, now_s: number): Point | null {
  const next = day.stops.find(({ stop_id }) => stop_id === bus.next_stop_id);
  if (!next) return null;
  const before = day.stops.find(({ stop_id }) => stop_id === bus.prev_stop_id) ?? next;
  return {
    at_s: now_s,
    along: before.along + bus.share * (next.along - before.along),
    delay_s: null,
  };
}

function driven(
  context: CanvasRenderingContext2D,
  line: readonly Point[],
  chosen: boolean,
  scene: Scene,
): void {
  const { palette } = scene;
  const places = pixels(line, scene);
  if (chosen) {
    context.strokeStyle = palette.ink;
    context.lineWidth = 5;
    stroke(context, places);
  }
  context.lineWidth = 2;
  if (line.length === 1 && places[0]) {
    context.fillStyle = palette.tones[tones[adherenceOf(line[0]?.delay_s ?? null)]];
    context.fillRect(places[0][0] - 1.5, places[0][1] - 1.5, 3, 3);
  }
  for (let n = 1; n < line.length; n += 1) {
    const [from, to] = [places[n - 1], places[n]];
    if (!from || !to) continue;
    context.strokeStyle = palette.tones[tones[adherenceOf(line[n]?.delay_s ?? null)]];
    stroke(context, [from, to]);
  }
}

function marker(
  context: CanvasRenderingContext2D,
  point: Point,
  text: string,
  chosen: boolean,
  scene: Scene,
): void {
  const [[x, y] = [0, 0]] = pixels([point], scene);
  context.fillStyle = scene.palette.ink;
  context.beginPath();
  context.arc(x, y, chosen ? 6 : 4, 0, 2 * Math.PI);
  context.fill();
  context.textAlign = "left";
  context.fillText(text, x + 8, y - 8);
}

function label(
  context: CanvasRenderingContext2D,
  line: readonly Point[],
  text: string,
  scene: Scene,
): void {
  const [first] = pixels(line, scene);
  if (!first || text === "" || first[0] < scene.frame.left) return;
  context.fillStyle = scene.palette.ink2;
  context.textAlign = "left";
  context.fillText(text, first[0] + 4, first[1] + (upwards(scene.day) ? -8 : 12));
}

function nowLine(context: CanvasRenderingContext2D, scene: Scene): void {
  const { frame, palette, now_s, view } = scene;
  if (now_s === null) return;
  const x = Math.round(xOf(now_s, view, frame)) + 0.5;
  context.strokeStyle = palette.ink;
  context.lineWidth = 1.5;
  stroke(context, [
    [x, frame.top - 8],
    [x, frame.height - frame.bottom],
  ]);
}

function upwards(day: Day): boolean {
  return day.direction === 1;
}

function pixels(line: readonly Point[], { day, view, frame }: Scene): [number, number][] {
  return line.map(({ at_s, along }) => [xOf(at_s, view, frame), yOf(along, upwards(day), frame)]);
}

function stroke(
  context: CanvasRenderingContext2D,
  places: readonly (readonly [number, number])[],
): void {
  context.beginPath();
  places.forEach(([x, y], n) => {
    if (n === 0) context.moveTo(x, y);
    else context.lineTo(x, y);
  });
  context.stroke();
}

function remember(
  line: readonly Point[],
  run: Run,
  vehicle_id: string | null,
  scene: Scene,
  hits: Hit[],
): void {
  const places = pixels(line, scene);
  line.forEach((point, n) => {
    const [x, y] = places[n] ?? [0, 0];
    hits.push({ run, vehicle_id, point, x, y });
  });
}

/** The hit nearest to the pointer along the lines, within `reach` pixels; null for none. */
export function nearest(hits: readonly Hit[], x: number, y: number, reach: number): Hit | null {
  let best: Hit | null = null;
  let least = reach;
  hits.forEach((hit, n) => {
    const before = hits[n - 1];
    const same = before && before.run === hit.run && before.vehicle_id === hit.vehicle_id;
    const far = same ? distance(before, hit, x, y) : Math.hypot(hit.x - x, hit.y - y);
    if (far < least) {
      least = far;
      best =
        same && Math.hypot(before.x - x, before.y - y) < Math.hypot(hit.x - x, hit.y - y)
          ? before
          : hit;
    }
  });
  return best;
}

function distance(a: Hit, b: Hit, x: number, y: number): number {
  const [dx, dy] = [b.x - a.x, b.y - a.y];
  const length = dx * dx + dy * dy;
  const share =
    length === 0 ? 0 : Math.max(0, Math.min(1, ((x - a.x) * dx + (y - a.y) * dy) / length));
  return Math.hypot(a.x + share * dx - x, a.y + share * dy - y);
}
