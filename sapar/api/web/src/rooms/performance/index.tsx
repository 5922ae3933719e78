/** Did we deliver, and if not, where and why? What the nights kept, day by day. */
import { DayField, SelectField, Switch } from "../../kit/fields";
import * as state from "../../shell/state";
import type { Room, RoomKey } from "../room";
import {
  before,
  beforeFrom,
  beforeTo,
  comparing,
  days,
  ownFrom,
  ownTo,
  period,
  span,
  spanNames,
  type Tab,
  tab,
  tabs,
} from "./asked";
import { periods } from "./days";
import { Forecasts } from "./forecasts";
import { t } from "./messages";
import "./room.css";
import { RunTimes } from "./run_times";
import { Runs } from "./runs";
import { Service } from "./service";
import { Segments } from "./speeds";

const pages: Readonly<Record<Tab, () => ReturnType<typeof Service>>> = {
  service: Service,
  runTimes: RunTimes,
  speeds: Segments,
  runs: Runs,
  forecasts: Forecasts,
};

function View() {
  const Page = pages[tab.value];
  return (
    <section class="page performance" aria-label={t("title")}>
      <header>
        <h2>{t("title")}</h2>
        <Switch
          label={t("what")}
          value={tab.value}
          choices={tabs.map((value) => ({ value, name: t(`tab_${value}`) }))}
          onValue={(value) => {
            tab.value = value;
          }}
        />
      </header>
      <Controls />
      <Page />
    </section>
  );
}

function Controls() {
  const routes = state.network.value.routes;
  const [from, to] = days.value;
  return (
    <div class="controls">
      <Switch
        label={t("period")}
        value={period.value}
        choices={periods.map((value) => ({ value, name: t(value) }))}
        onValue={(value) => {
          if (value === "own") [ownFrom.value, ownTo.value] = days.value;
          period.value = value;
        }}
      />
      {period.value === "own" && (
        <>
          <DayField
            label={t("from")}
            value={from}
            onValue={(value) => {
              ownFrom.value = value || null;
            }}
          />
          <DayField
            label={t("to")}
            value={to}
            onValue={(value) => {
              ownTo.value = value || null;
            }}
          />
        </>
      )}
      <SelectField
        label={t("route")}
        value={state.selectedRoute.value ?? ""}
        none={t("allRoutes")}
        choices={routes.map((route) => ({ value: route.id, name: route.name }))}
        onValue={(value) => {
          state.selectedRoute.value = value || null;
        }}
      />
      {tab.value !== "forecasts" && (
        <SelectField
          label={t("hours")}
          value={span.value}
          choices={spanNames.map((value) => ({ value, name: t(value) }))}
          onValue={(value) => {
            span.value = spanNames.find((one) => one === value) ?? "allDay";
          }}
        />
      )}
      {tab.value === "speeds" && <Before />}
    </div>
  );
}

/** The days that speeds are compared with: those before a bus lane was laid. */
function Before() {
  const [from, to] = before.value;
  return (
    <>
      <label class="tick">
        <input
          type="checkbox"
          checked={comparing.value}
          onChange={(event) => {
            comparing.value = event.currentTarget.checked;
          }}
        />
        {t("compare")}
      </label>
      {comparing.value && (
        <>
          <DayField
            label={t("beforeFrom")}
            value={from}
            onValue={(value) => {
              beforeFrom.value = value || null;
            }}
          />
          <DayField
            label={t("beforeTo")}
            value={to}
            onValue={(value) => {
              beforeTo.value = value || null;
            }}
          />
        </>
      )}
    </>
  );
}

function next<T>(all: readonly T[], now: T): T {
  return all[(all.indexOf(now) + 1) % all.length] ?? now;
}

const keys: readonly RoomKey[] = [
  {
    code: "KeyT",
    label: "T",
    text: () => t("keyTab"),
    run: () => {
      tab.value = next(tabs, tab.value);
    },
  },
  {
    code: "KeyP",
    label: "P",
    text: () => t("keyPeriod"),
    run: () => {
      period.value = next(periods.slice(0, 3), period.value);
    },
  },
  {
    code: "KeyB",
    label: "B",
    text: () => t("keyCompare"),
    run: () => {
      tab.value = "speeds";
      comparing.value = !comparing.value;
    },
  },
  {
    code: "KeyX",
    label: "X",
    text: () => t("keyCsv"),
    run: () => document.querySelector<HTMLElement>(".performance .csv")?.click(),
  },
];

export const room: Room = {
  View,
  keys,
  find(hit) {
    if (hit.kind !== "route") return false;
    state.selectedRoute.value = hit.id;
    return true;
  },
};
