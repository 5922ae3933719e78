/** Fields to choose routes, runs, stops, buses and a period from. */
import { useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { causes, type Run } from "../../desk/types";
import { naturalOrder } from "../../domain/order";
import { CheckField, MomentField, SelectField, TextField } from "../../kit/fields";
import { type Resource, useResource } from "../../kit/resource";
import { clockText } from "../../kit/when";
import * as state from "../../shell/state";
import { t } from "./messages";

export function RouteField(props: {
  value: string;
  onValue: (id: string) => void;
  none?: string;
  required?: boolean;
}) {
  return (
    <SelectField
      label={t("route")}
      required={props.required ?? false}
      value={props.value}
      onValue={props.onValue}
      none={props.none ?? t("chooseRoute")}
      choices={state.network.value.routes.map((route) => ({
        value: route.id,
        name: route.long_name === "" ? route.name : `${route.name} · ${route.long_name}`,
      }))}
    />
  );
}

/** The runs of a route that are under way or to come. */
export function useRuns(route_id: string): Resource<{ runs: readonly Run[] }> {
  return useResource<{ runs: readonly Run[] }>(route_id === "" ? null : "/api/dispatch/runs.json", {
    query: { route: route_id },
  });
}

/** What tells a run from all others. */
export function runKey(run: Run): string {
  return `${run.service_date} ${run.trip_id} ${run.start_s ?? ""}`;
}

function busOn(run: Run): string {
  const bus = state.fleet.value?.vehicles.find(
    (one) => one.trip_id === run.trip_id && run.first_s !== null,
  );
  return bus ? ` · ${bus.label ?? bus.id}` : "";
}

/** A run in one line: departure, where to, block, and the bus that is on it. */
export function runText(run: Run): string {
  const at = run.first_s === null ? t("byHeadway") : clockText(run.first_s, false);
  const block = run.block_id === null ? "" : ` · ${run.block_id}`;
  return `${at} → ${run.headsign || run.trip_id}${block}${busOn(run)}`;
}

export function RunField(props: {
  label: string;
  runs: Resource<{ runs: readonly Run[] }>;
  value: string;
  onValue: (key: string, run: Run | null) => void;
  none?: string;
  /** A trip to begin with. */
  trip_id?: string | null;
  required?: boolean;
}) {
  const runs = (props.runs.data?.runs ?? []).filter((run) => run.first_s !== null);
  const first = props.trip_id ? runs.find((run) => run.trip_id === props.trip_id) : undefined;
  const chosen = useRef(false);
  useEffect(() => {
    // once: whoever chose the whole route keeps it when the runs are read again
    if (first && !chosen.current && props.value === "") {
      chosen.current = true;
      props.onValue(runKey(first), first);
    }
  }, [first]);
  const nothing = props.runs.data !== null && runs.length === 0;
  return (
    <SelectField
      label={props.label}
      required={props.required ?? false}
      disabled={runs.length === 0}
      {...(nothing ? { hint: t("runsNone") } : {})}
      value={props.value}
      onValue={(key) => {
        chosen.current = true;
        props.onValue(key, runs.find((run) => runKey(run) === key) ?? null);
      }}
      none={props.none ?? t("chooseRun")}
      choices={runs.map((run) => ({ value: runKey(run), name: runText(run) }))}
    />
  );
}

const shown_max = 60;

/** Stops to tick off, those of a route or all; a field narrows the list. */
export function StopsField(props: {
  route_id: string;
  chosen: readonly string[];
  onChosen: (ids: readonly string[]) => void;
}) {
  const wanted = useSignal("");
  const find = wanted.value.trim().toLocaleLowerCase("kk");
  const stops = state.network.value.stops
    .filter(
      (stop) =>
        (props.route_id === "" || stop.routes.includes(props.route_id)) &&
        (find === "" ||
          stop.name.toLocaleLowerCase("kk").includes(find) ||
          stop.id.toLocaleLowerCase("kk").startsWith(find)),
    )
    .sort(
      (a, b) =>
        Number(props.chosen.includes(b.id)) - Number(props.chosen.includes(a.id)) ||
        naturalOrder(a.name, b.name),
    );
  return (
    <fieldset class="act-stops">
      <legend>{t("stops")}</legend>
      <TextField
        label={t("findStop")}
        type="search"
        value={wanted.value}
        onValue={(text) => {
          wanted.value = text;
        }}
      />
      <div class="act-stop-list">
        {stops.slice(0, shown_max).map((stop) => (
          <CheckField
            key={stop.id}
            label={`${stop.name} · ${stop.id}`}
            checked={props.chosen.includes(stop.id)}
            onChecked={(on) =>
              props.onChosen(
                on ? [...props.chosen, stop.id] : props.chosen.filter((id) => id !== stop.id),
              )
            }
          />
        ))}
      </div>
      <p class="act-note" aria-live="polite">
        {t("stopsChosen", { n: props.chosen.length })}
      </p>
    </fieldset>
  );
}

export function BusField(props: {
  label: string;
  value: string;
  onValue: (id: string) => void;
  required?: boolean;
}) {
  return (
    <TextField
      label={props.label}
      required={props.required ?? false}
      value={props.value}
      onValue={props.onValue}
      options={state.rows.value.map((row) => row.vehicle.id)}
    />
  );
}

/** From and until, with an hour more at a press. */
export function PeriodFields(props: {
  from_s: number | null;
  until_s: number | null;
  onFrom: (at_s: number | null) => void;
  onUntil: (at_s: number | null) => void;
}) {
  const timezone = state.agency.value?.timezone ?? "UTC";
  const now_s = Math.floor((state.cityTime.value ?? 0) / 60) * 60;
  return (
    <div class="act-period">
      <MomentField
        label={t("from")}
        value={props.from_s ?? now_s}
        onValue={props.onFrom}
        timezone={timezone}
      />
      <MomentField
        label={t("until")}
        value={props.until_s}
        onValue={props.onUntil}
        timezone={timezone}
      />
      <button
        type="button"
        onClick={() => props.onUntil((props.until_s ?? props.from_s ?? now_s) + 3600)}
      >
        {t("plusHour")}
      </button>
      <button type="button" disabled={props.until_s === null} onClick={() => props.onUntil(null)}>
        {t("openUntil")}
      </button>
    </div>
  );
}

export function CauseField(props: { value: string; onValue: (cause: string) => void }) {
  return (
    <SelectField
      label={t("cause")}
      value={props.value}
      onValue={props.onValue}
      choices={causes.map((cause) => ({ value: cause, name: t(`cause_${cause}`) }))}
    />
  );
}
