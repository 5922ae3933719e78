/** The diagram with its pointer: hover tells, a click selects, dragging and the wheel move it. */
import { useComputed, useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { delayMinutes } from "../../domain/adherence";
import { clockText } from "../../kit/when";
import { palettes } from "../../map/colours";
import * as state from "../../shell/state";
import { shift, viewOf, zoom } from "./choice";
import { draw, type Hit, nearest } from "./draw";
import { t } from "./messages";
import { type Day, stateOf } from "./model";
import { type Frame, timeAt } from "./scale";

const reach_px = 14;

export function Diagram({ day, now_s }: { day: Day; now_s: number | null }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const hits = useRef<readonly Hit[]>([]);
  const size = useSignal({ width: 0, height: 0 });
  const hover = useSignal<Hit | null>(null);
  const frame = useComputed<Frame>(() => ({
    ...size.value,
    left: size.value.width < 700 ? 96 : 168,
    right: 12,
    top: 36,
    bottom: 16,
  }));
  const view = viewOf(day, now_s);
  // Read here, so that the diagram is drawn anew when its place has another size.
  const { width, height } = size.value;

  useEffect(() => {
    const element = canvas.current?.parentElement;
    if (!element) return;
    const observer = new ResizeObserver(() => {
      size.value = { width: element.clientWidth, height: element.clientHeight };
    });
    observer.observe(element);
    return () => observer.disconnect();
  }, []);

  useEffect(() => {
    const element = canvas.current;
    const context = element?.getContext("2d");
    if (!element || !context || width === 0 || height === 0) return;
    const sharp = Math.min(2, devicePixelRatio || 1);
    element.width = width * sharp;
    element.height = height * sharp;
    context.setTransform(sharp, 0, 0, sharp, 0, 0);
    hits.current = draw(context, {
      day,
      view,
      frame: frame.value,
      palette: palettes[state.theme.value],
      now_s,
      buses: state.deskNow.value.buses.filter(({ route_id }) => route_id === day.route_id),
      selectedBus: state.selectedBus.value,
      selectedTrip: state.selectedTrip.value,
      hover: hover.value,
      clock: (at_s) => clockText(day.day_start_s + at_s, false),
    });
    element.dataset["drawn"] = String(hits.current.length);
  });

  const find = (event: PointerEvent | MouseEvent): Hit | null =>
    nearest(hits.current, event.offsetX, event.offsetY, reach_px);
  const drag = useRef<{ x: number; from_s: number; moved: boolean } | null>(null);

  return (
    <div class="diagram">
      <canvas
        ref={canvas}
        role="img"
        aria-label={summary(day, now_s)}
        onPointerDown={(event) => {
          drag.current = { x: event.offsetX, from_s: view.from_s, moved: false };
        }}
        onPointerMove={(event) => {
          const held = drag.current;
          if (held && event.buttons === 1) {
            if (Math.abs(event.offsetX - held.x) < 4 && !held.moved) return;
            held.moved = true;
            const by_s =
              timeAt(held.x, view, frame.value) - timeAt(event.offsetX, view, frame.value);
            shift({ ...view, from_s: held.from_s }, by_s);
          } else hover.value = find(event);
        }}
        onPointerLeave={() => {
          hover.value = null;
        }}
        onClick={(event) => {
          const held = drag.current;
          drag.current = null;
          if (held?.moved) return;
          const hit = find(event);
          if (!hit) return;
          state.select(hit.vehicle_id ? { bus: hit.vehicle_id } : { trip: hit.run.trip_id });
        }}
        onWheel={(event) => {
          event.preventDefault();
          const around_s = timeAt(event.offsetX, view, frame.value);
          if (event.ctrlKey || Math.abs(event.deltaY) > Math.abs(event.deltaX)) {
            zoom(view, event.deltaY < 0, around_s);
          } else shift(view, (event.deltaX / size.value.width) * view.length_s);
        }}
      />
      {hover.value && <Tip hit={hover.value} day={day} width={width} />}
    </div>
  );
}

function Tip({ hit, day, width }: { hit: Hit; day: Day; width: number }) {
  const at = day.stops.find(({ along }) => along === hit.point.along);
  const values = {
    stop: at?.name ?? "",
    time: clockText(day.day_start_s + hit.point.at_s, hit.vehicle_id !== null),
    delay: delayText(hit.point.delay_s),
  };
  return (
    <p
      class="tip"
      style={{ left: `${Math.min(hit.x + 12, width - 260)}px`, top: `${hit.y + 12}px` }}
    >
      <b>{hit.vehicle_id ?? (hit.run.block_id ? t("block", { block: hit.run.block_id }) : "")}</b>{" "}
      {t(hit.vehicle_id === null ? "tipMissing" : "tipDriven", values)}
    </p>
  );
}

export function delayText(delay_s: number | null): string {
  if (delay_s === null) return "–";
  const n = delayMinutes(delay_s);
  if (n === 0) return t("on_time");
  return t(n > 0 ? "late_by" : "early_by", { n: Math.abs(n) });
}

function summary(day: Day, now_s: number | null): string {
  const until_s = now_s ?? Number.POSITIVE_INFINITY;
  const expected = new Set(day.expected.map((one) => `${one.trip_id} ${one.start_s}`));
  const states = day.runs.map((run) =>
    stateOf(run, until_s, expected.has(`${run.trip_id} ${run.start_s}`)),
  );
  return t("label", {
    route: state.network.value.routeById.get(day.route_id)?.name ?? day.route_id,
    planned: day.runs.filter(({ planned }) => planned).length,
    driven: states.filter((one) => one === "driven" || one === "under_way").length,
    missing: states.filter((one) => one === "missing").length,
    time: clockText(day.day_start_s + (now_s ?? 86_400), false),
  });
}
