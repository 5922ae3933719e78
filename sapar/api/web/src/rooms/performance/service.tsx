/** Runs delivered, punctuality and regularity: in sum, by day, by route and hour. */
import { useSignal } from "@preact/signals";
import { Chart } from "../../kit/chart";
import { Chip } from "../../kit/chip";
import { Switch } from "../../kit/fields";
import { useResource } from "../../kit/resource";
import { Fetched } from "../../kit/states";
import { type Column, Table } from "../../kit/table";
import { numberText, percentText } from "../../kit/when";
import * as state from "../../shell/state";
import { asked, days } from "./asked";
import { type Measure, measured, measures, type RouteRow, routeRows, strain } from "./measures";
import { t } from "./messages";
import { dateText, dayNumber, dayOfNumber, Nothing, Tile } from "./parts";
import type { Answer, Service as Row } from "./types";

const path = "/api/performance/service.json";
const enough_share = 0.9;

function said(value: number | null, measure: Measure): string {
  if (value === null) return "–";
  return measure === "excess" ? numberText(value, 1) : percentText(value);
}

export function Service() {
  const whole = useResource<Answer<Row>>(path, { query: asked() });
  return (
    <Fetched of={whole} rows={12}>
      {(answer) => {
        const row = answer.rows[0];
        if (!row || (row.departures === 0 && !row.planned)) return <Nothing />;
        return (
          <>
            <Tiles row={row} answer={answer} />
            <ByDay />
            <ByHour />
          </>
        );
      }}
    </Fetched>
  );
}

function Tiles({ row, answer }: { row: Row; answer: Answer<Row> }) {
  const thin = (row.coverage ?? 1) < enough_share;
  const wait = (seconds: number | null): string =>
    seconds === null ? "–" : t("minutes", { n: numberText(seconds / 60, 1) });
  return (
    <dl class="tiles">
      <Tile
        name={t("runs")}
        value={percentText(row.run_share ?? null, 1)}
        note={t("runsNote", { done: row.done ?? 0, planned: row.planned ?? 0 })}
      />
      <Tile
        name={t("onTime")}
        value={percentText(row.on_time_share)}
        note={t("onTimeNote", {
          n: row.departures,
          early: numberText(answer.early_min),
          late: answer.late_min,
        })}
        thin={thin}
      />
      <Tile
        name={t("regular")}
        value={percentText(row.regular_share)}
        note={t("regularNote", { n: row.headways })}
        thin={thin}
      />
      <Tile
        name={t("excess")}
        value={wait(row.excess_wait_s)}
        note={t("excessNote", { wait: wait(row.wait_s), plan: wait(row.planned_wait_s) })}
        thin={thin}
      />
      <Tile
        name={t("coverage")}
        value={percentText(row.coverage ?? null)}
        note={t("coverageNote")}
      />
    </dl>
  );
}

function ByDay() {
  const [from, to] = days.value;
  const one = from === to;
  const found = useResource<Answer<Row>>(one ? null : path, { query: asked({ by: ["day"] }) });
  if (one) return null;
  return (
    <Fetched of={found} rows={7}>
      {({ rows }) => {
        const dated = rows.filter((row) => row.day !== undefined);
        return (
          <section>
            <h3>{t("byDay")}</h3>
            <Chart
              label={t("byDay")}
              x={dated.map((row) => dayNumber(row.day ?? ""))}
              xName={t("day_one")}
              xText={dayOfNumber}
              yText={(value) => percentText(value)}
              yRange={[0, 1]}
              height_px={200}
              series={[
                {
                  name: t("runs"),
                  tone: "ink",
                  values: dated.map((row) => row.run_share ?? null),
                  text: (value) => percentText(value, 1),
                },
                {
                  name: t("onTime"),
                  tone: "cold2",
                  dash: [8, 4],
                  values: dated.map((row) => row.on_time_share),
                  text: (value) => percentText(value),
                },
                {
                  name: t("regular"),
                  tone: "warm2",
                  dash: [2, 4],
                  values: dated.map((row) => row.regular_share),
                  text: (value) => percentText(value),
                },
              ]}
            />
          </section>
        );
      }}
    </Fetched>
  );
}

function ByHour() {
  const chosen = useSignal<Measure | null>(null);
  const whole = useResource<Answer<Row>>(path, { query: asked({ by: ["route"] }) });
  const hourly = useResource<Answer<Row>>(path, { query: asked({ by: ["route", "hour"] }) });
  const names = state.network.value.routeById;
  // Where most routes run by headway, lateness says nothing of them.
  const timed = (whole.data?.rows ?? []).filter((row) => row.departures > 0).length;
  const mostly: Measure = timed * 2 < (whole.data?.rows ?? []).length ? "regular" : "onTime";
  const measure = chosen.value ?? mostly;
  return (
    <section class="by-hour">
      <header>
        <h3>{t("byHour")}</h3>
        <Switch
          label={t("measure")}
          value={measure}
          choices={measures.map((value) => ({ value, name: t(value) }))}
          onValue={(value) => {
            chosen.value = value;
          }}
        />
      </header>
      <Fetched of={whole}>
        {({ rows, from, to }) => {
          const hours = [...new Set((hourly.data?.rows ?? []).map((row) => row.hour ?? 0))].sort(
            (a, b) => a - b,
          );
          const shown = routeRows(rows, hourly.data?.rows ?? [], (id) => names.get(id)?.name ?? id);
          return (
            <Table
              label={t("byHour")}
              columns={columnsOf(measure, hours)}
              rows={shown}
              key_of={(row) => row.route_id}
              csv={`${measure}_${from}_${to}`}
              min_px={400 + hours.length * 66}
              first={{ column: "route", down: false }}
              onOpen={(row) => {
                state.selectedRoute.value = row.route_id;
              }}
              foot={<span>{t("span", { from: dateText(from), to: dateText(to) })}</span>}
            />
          );
        }}
      </Fetched>
    </section>
  );
}

function columnsOf(measure: Measure, hours: readonly number[]): Column<RouteRow>[] {
  const cellOf = (row: Row | undefined) => {
    const value = row ? measured(row, measure) : null;
    return <span class={`heat heat-${strain(value, measure)}`}>{said(value, measure)}</span>;
  };
  return [
    {
      id: "route",
      name: t("route"),
      head: true,
      width: "104px",
      value: (row) => row.name,
      cell: (row) => <Chip id={row.route_id} name={row.name} />,
    },
    {
      id: "whole",
      name: t(measure),
      number: true,
      width: "176px",
      value: (row) => (row.whole ? measured(row.whole, measure) : null),
      cell: (row) => cellOf(row.whole),
    },
    {
      id: "planned",
      name: t("planned"),
      number: true,
      down: true,
      width: "100px",
      value: (row) => row.whole?.planned ?? null,
    },
    ...hours.map((hour) => ({
      id: `h${hour}`,
      name: String(hour),
      number: true,
      value: (row: RouteRow) => {
        const found = row.hours.get(hour);
        return found ? measured(found, measure) : null;
      },
      cell: (row: RouteRow) => cellOf(row.hours.get(hour)),
    })),
  ];
}
