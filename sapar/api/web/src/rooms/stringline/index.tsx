import { DayField, SelectField, Switch } from "../../kit/fields";
import { IconButton } from "../../kit/icon";
import { useResource } from "../../kit/resource";
import { Empty, Fetched } from "../../kit/states";
import * as state from "../../shell/state";
import type { Room, RoomKey } from "../room";
import { asTable, date, direction, moved, route, shift, viewOf, zoom } from "./choice";
import { Diagram } from "./diagram";
import { t } from "./messages";
import { asOf, type Day } from "./model";
import "./room.css";
import { Runs } from "./runs";
import type { View as Part } from "./scale";

const renew_ms = 10_000;
const half_hour_s = 1800;

/** What is on the screen, for the keys. */
let shown: { readonly day: Day; readonly part: Part } | null = null;

function View() {
  const id = route.value;
  const replayed = state.replaying.value && state.cityTime.value !== null;
  const day = date.value ?? (replayed ? dayOf(state.cityTime.value ?? 0) : null);
  const found = useResource<Day>(id === null ? null : "/api/stringline.json", {
    query: {
      route: id,
      direction: direction.value === "none" ? null : direction.value,
      date: day,
    },
    every_ms: renew_ms,
  });
  return (
    <div class="stringline-room">
      <h1 class="hidden">{t("title")}</h1>
      <Controls day={found.data} />
      <Fetched of={found} rows={16}>
        {(data) => <Shown day={data} />}
      </Fetched>
    </div>
  );
}

/** The date of the city at a moment; runs after midnight belong to the day before. */
function dayOf(unix_s: number): string {
  return new Intl.DateTimeFormat("sv-SE", {
    dateStyle: "short",
    timeZone: state.agency.value?.timezone ?? "UTC",
  }).format((unix_s - 3 * 3600) * 1000);
}

function Shown({ day: whole }: { day: Day }) {
  const city_s = state.cityTime.value ?? whole.day_start_s + whole.now_s;
  const at_s = city_s - whole.day_start_s;
  const day = state.replaying.value ? asOf(whole, at_s) : whole;
  const now_s = at_s > -3600 && at_s < 30 * 3600 ? at_s : null;
  shown = { day, part: viewOf(day, now_s) };
  if (day.runs.length === 0) {
    const name = state.network.value.routeById.get(day.route_id)?.name ?? day.route_id;
    return <Empty>{t("none", { route: name, day: day.date })}</Empty>;
  }
  if (asTable.value) return <Runs day={day} now_s={now_s} />;
  return (
    <>
      <Diagram day={day} now_s={now_s} />
      <Legend />
    </>
  );
}

function Controls({ day }: { day: Day | null }) {
  const routes = state.network.value.routes;
  const directions = day?.directions ?? [];
  return (
    <div class="controls">
      <SelectField
        label={t("route")}
        value={route.value ?? ""}
        onValue={(id) => {
          state.select();
          state.selectedRoute.value = id;
        }}
        choices={routes.map(({ id, name, long_name }) => ({
          value: id,
          name: long_name === "" ? name : `${name}  ${long_name}`,
        }))}
      />
      <SelectField
        label={t("direction")}
        value={direction.value}
        onValue={(value) => {
          direction.value = value === "1" || value === "none" ? value : "0";
        }}
        choices={(directions.length > 0 ? directions : [{ direction: 0, headsign: "–" }]).map(
          (one) => ({
            value: one.direction === null ? "none" : String(one.direction),
            name: t("towards", { headsign: one.headsign }),
          }),
        )}
      />
      <DayField
        label={t("day")}
        value={date.value ?? day?.date ?? ""}
        onValue={(value) => {
          date.value = value === "" ? null : value;
          moved.value = null;
        }}
      />
      <div class="buttons">
        <Switch
          label={t("title")}
          value={asTable.value ? "table" : "diagram"}
          choices={[
            { value: "diagram", name: t("diagram") },
            { value: "table", name: t("table") },
          ]}
          onValue={(value) => {
            asTable.value = value === "table";
          }}
        />
        {!asTable.value && (
          <>
            <IconButton icon="left" title={`${t("earlier")} ([)`} onClick={() => move(-1)} />
            <IconButton icon="right" title={`${t("later")} (])`} onClick={() => move(1)} />
            <IconButton icon="plus" title={`${t("nearer")} (+)`} onClick={() => scale(true)} />
            <IconButton icon="minus" title={`${t("farther")} (−)`} onClick={() => scale(false)} />
            <button
              type="button"
              disabled={moved.value === null && date.value === null}
              onClick={toNow}
            >
              {t("follow")}
            </button>
          </>
        )}
      </div>
    </div>
  );
}

function toNow(): void {
  moved.value = null;
  date.value = null;
}

function move(by: number): void {
  if (shown) shift(shown.part, by * half_hour_s);
}

function scale(nearer: boolean): void {
  if (shown) zoom(shown.part, nearer);
}

function flip(): void {
  const known = shown?.day.directions.map((one) => String(one.direction)) ?? ["0", "1"];
  if (known.length > 1) direction.value = direction.value === "0" ? "1" : "0";
}

function Legend() {
  const lines = [
    ["plan", "legendPlan", ""],
    ["driven", "legendDriven", "tone-even"],
    ["expected", "legendExpected", ""],
    ["ghost", "legendGhost", ""],
    ["driven", "early", "tone-cold2"],
    ["driven", "late", "tone-warm2"],
  ] as const;
  return (
    <ul class="stringline-legend">
      {lines.map(([kind, words, tone]) => (
        <li key={words}>
          <svg viewBox="0 0 28 14" class={tone} aria-hidden="true">
            <path class={kind} d="M2 12 26 2" />
          </svg>
          {t(words)}
        </li>
      ))}
    </ul>
  );
}

const keys: readonly RoomKey[] = [
  { code: "BracketLeft", label: "[", text: () => t("earlier"), run: () => move(-1) },
  { code: "BracketRight", label: "]", text: () => t("later"), run: () => move(1) },
  { code: "Equal", shift: true, label: "+", text: () => t("nearer"), run: () => scale(true) },
  { code: "Minus", label: "−", text: () => t("farther"), run: () => scale(false) },
  { code: "NumpadAdd", label: "+", text: () => t("nearer"), run: () => scale(true) },
  { code: "NumpadSubtract", label: "−", text: () => t("farther"), run: () => scale(false) },
  { code: "KeyD", label: "D", text: () => t("keyDirection"), run: flip },
  { code: "Digit0", label: "0", text: () => t("follow"), run: toNow },
];

export const room: Room = {
  View,
  keys,
  panel: true,
  find(hit) {
    if (hit.kind === "stop") return false;
    if (hit.kind === "route") state.selectedRoute.value = hit.id;
    else if (hit.kind === "bus") {
      state.select({ bus: hit.id });
      const id = state.selectedRow.value?.vehicle.route_id;
      if (id) state.selectedRoute.value = id;
    }
    return true;
  },
};
