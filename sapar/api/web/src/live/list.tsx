import { signal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import type { Vehicle } from "../data/types";
import { delayNow } from "../domain/look";
import { naturalOrder } from "../domain/order";
import { type Key, t } from "../i18n";
import * as state from "../shell/state";
import { Chip } from "./chip";
import { Glyph } from "./glyph";
import { Notice } from "./notice";
import { delayWords, phaseWords, speedWords } from "./words";

type Column = "bus" | "route" | "headsign" | "delay" | "fixAge" | "phase" | "speed" | "nextStop";

const columns: readonly Column[] = [
  "bus",
  "route",
  "headsign",
  "delay",
  "fixAge",
  "phase",
  "speed",
  "nextStop",
];
const row_px = 32;
const spare_rows = 8;

const sorted = signal<{ column: Column; down: boolean }>({ column: "route", down: false });
const scrolled = signal({ top_px: 0, height_px: 800 });

const byColumn: Readonly<Record<Column, (a: state.Row, b: state.Row) => number>> = {
  bus: (a, b) => naturalOrder(a.vehicle.id, b.vehicle.id),
  route: () => 0, // the order that the rows have
  headsign: (a, b) => naturalOrder(a.vehicle.headsign ?? "", b.vehicle.headsign ?? ""),
  delay: (a, b) => (delayNow(a.vehicle) ?? -1e9) - (delayNow(b.vehicle) ?? -1e9),
  fixAge: (a, b) => a.age_s - b.age_s,
  phase: (a, b) => naturalOrder(phaseWords(a.vehicle.phase), phaseWords(b.vehicle.phase)),
  speed: (a, b) => (speedNow(a.vehicle) ?? -1) - (speedNow(b.vehicle) ?? -1),
  nextStop: (a, b) => naturalOrder(stopName(a), stopName(b)),
};

/** A silent vehicle's speed is of another time. */
function speedNow(vehicle: Vehicle): number | null {
  return vehicle.phase === "no_signal" ? null : vehicle.speed_mps;
}

function stopName(row: state.Row): string {
  const id = row.vehicle.next_stop_id;
  return id === null || row.vehicle.phase === "no_signal"
    ? ""
    : (state.network.value.stopById.get(id)?.name ?? id);
}

/** The rows in the order that the list shows them. */
export function listRows(): readonly state.Row[] {
  const { column, down } = sorted.value;
  const rows = [...state.shownRows.value].sort(byColumn[column]);
  return down ? rows.reverse() : rows;
}

/** All vehicles as a table: the same rows as on the map, for those who cannot or need not see it. */
export function List() {
  const place = useRef<HTMLDivElement>(null);
  const rows = listRows();
  useEffect(() => {
    const element = place.current;
    if (!element) return;
    const measure = (): void => {
      scrolled.value = { top_px: element.scrollTop, height_px: element.clientHeight };
    };
    measure();
    const observer = new ResizeObserver(measure);
    observer.observe(element);
    element.addEventListener("scroll", measure, { passive: true });
    return () => {
      observer.disconnect();
      element.removeEventListener("scroll", measure);
    };
  }, []);

  // Only the rows in sight are in the document: three thousand would cost every second dearly.
  const first = Math.max(0, Math.floor(scrolled.value.top_px / row_px) - spare_rows);
  const count = Math.ceil(scrolled.value.height_px / row_px) + 2 * spare_rows;
  const visible = rows.slice(first, first + count);
  const below = Math.max(0, rows.length - first - visible.length);
  return (
    <section class="list" id="list" aria-label={t("list")}>
      <Notice />
      <div class="scroll" ref={place}>
        <table aria-rowcount={rows.length + 1}>
          <thead>
            <tr>
              {columns.map((column) => (
                <Heading key={column} column={column} />
              ))}
            </tr>
          </thead>
          <tbody>
            {first > 0 && <tr class="space" style={{ height: `${first * row_px}px` }} />}
            {visible.map((row, index) => (
              <Line key={row.vehicle.id} row={row} index={first + index + 2} />
            ))}
            {below > 0 && <tr class="space" style={{ height: `${below * row_px}px` }} />}
          </tbody>
        </table>
      </div>
      <footer>{t("rows", { n: rows.length })}</footer>
    </section>
  );
}

function Heading({ column }: { column: Column }) {
  const { column: current, down } = sorted.value;
  const name = t(column as Key);
  const order = current === column ? (down ? "descending" : "ascending") : "none";
  return (
    <th scope="col" aria-sort={order} class={`col-${column}`}>
      <button
        type="button"
        class="bare"
        title={t("sortBy", { column: name })}
        onClick={() => {
          sorted.value = { column, down: current === column ? !down : column === "delay" };
        }}
      >
        {name}
        {order !== "none" && (
          <svg class="sort" viewBox="0 0 8 8" aria-hidden="true">
            <path d={down ? "M1 2h6L4 7Z" : "M1 6h6L4 1Z"} />
          </svg>
        )}
      </button>
    </th>
  );
}

function Line({ row, index }: { row: state.Row; index: number }) {
  const { vehicle, look, age_s } = row;
  const hasDelay = vehicle.trip_id !== null && vehicle.phase !== "no_signal";
  const open = (): void => {
    state.selected.value = vehicle.id;
  };
  return (
    <tr
      aria-rowindex={index}
      aria-selected={vehicle.id === state.selected.value}
      tabIndex={0}
      onClick={open}
      onKeyDown={(event) => {
        if (event.code === "Enter" || event.code === "Space") {
          event.preventDefault();
          open();
        }
      }}
    >
      <th scope="row">
        <Glyph shape={look.shape} tone={look.tone} hollow={look.hollow || look.age === "gone"} />
        {vehicle.label ?? vehicle.id}
      </th>
      <td>
        <Chip id={vehicle.route_id} name={row.routeName} />
      </td>
      <td class="col-headsign">{vehicle.headsign ?? ""}</td>
      <td>{hasDelay ? delayWords(vehicle.delay_s) : "–"}</td>
      <td class="number">{state.spell(age_s)}</td>
      <td>{phaseWords(vehicle.phase)}</td>
      <td class="number">{speedWords(speedNow(vehicle))}</td>
      <td class="col-nextStop">{stopName(row)}</td>
    </tr>
  );
}
