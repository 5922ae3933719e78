/** What a run takes, by hour: what to plan, and how long a layover must be. */
import { Chart } from "../../kit/chart";
import { useResource } from "../../kit/resource";
import { Empty, Fetched } from "../../kit/states";
import { type Column, Table } from "../../kit/table";
import { minutesText, numberText } from "../../kit/when";
import * as state from "../../shell/state";
import { asked } from "./asked";
import { t } from "./messages";
import { Nothing } from "./parts";
import type { Answer, RunTime } from "./types";

export function RunTimes() {
  const route = state.selectedRoute.value;
  const found = useResource<Answer<RunTime>>(
    route === null ? null : "/api/performance/run-times.json",
    { query: asked() },
  );
  if (route === null) return <Empty>{t("chooseRoute")}</Empty>;
  return (
    <Fetched of={found} rows={12}>
      {({ rows }) => {
        if (rows.length === 0) return <Nothing />;
        const directions = [...new Set(rows.map((row) => row.direction))];
        return (
          <>
            {directions.map((direction) => (
              <Direction
                key={direction}
                direction={direction}
                rows={rows.filter((row) => row.direction === direction)}
              />
            ))}
            <Table
              label={t("runTimesOf")}
              columns={columns()}
              rows={rows}
              key_of={(row) => `${row.direction} ${row.hour}`}
              csv={`run_times_${route}`}
              min_px={760}
            />
          </>
        );
      }}
    </Fetched>
  );
}

function nameOf(direction: number): string {
  return direction < 0 ? t("noDirection") : t("direction", { n: direction });
}

function Direction({ direction, rows }: { direction: number; rows: readonly RunTime[] }) {
  const minutes = (pick: (row: RunTime) => number) => rows.map((row) => pick(row) / 60);
  const text = (value: number) => t("minutes", { n: numberText(value, 1) });
  return (
    <section>
      <h3>
        {t("runTimesOf")}: {nameOf(direction)}
      </h3>
      <Chart
        label={`${t("runTimesOf")}, ${nameOf(direction)}`}
        x={rows.map((row) => row.hour)}
        xName={t("hour")}
        xText={(value) => (Number.isInteger(value) ? String(value) : "")}
        yText={(value) => t("minutes", { n: numberText(value) })}
        height_px={200}
        series={[
          {
            name: t("p90"),
            tone: "warm2",
            dash: [2, 4],
            text,
            values: minutes((row) => row.p90_s),
          },
          { name: t("p50"), tone: "ink", text, values: minutes((row) => row.p50_s) },
          {
            name: t("p10"),
            tone: "cold2",
            dash: [8, 4],
            text,
            values: minutes((row) => row.p10_s),
          },
          {
            name: t("plan"),
            tone: "even",
            kind: "step",
            width_px: 1,
            text,
            values: minutes((row) => row.planned_s),
          },
        ]}
      />
    </section>
  );
}

function columns(): Column<RunTime>[] {
  const time = (id: string, name: string, pick: (row: RunTime) => number): Column<RunTime> => ({
    id,
    name,
    number: true,
    value: pick,
    cell: (row) => minutesText(pick(row)),
  });
  return [
    {
      id: "direction",
      name: t("directionName"),
      value: (row) => row.direction,
      cell: (row) => nameOf(row.direction),
      width: "170px",
    },
    { id: "hour", name: t("hour"), number: true, value: (row) => row.hour },
    { id: "runs", name: t("count"), number: true, value: (row) => row.runs },
    time("planned_s", t("plan"), (row) => row.planned_s),
    time("p10_s", t("p10"), (row) => row.p10_s),
    time("p50_s", t("p50"), (row) => row.p50_s),
    time("p85_s", t("p85"), (row) => row.p85_s),
    time("p90_s", t("p90"), (row) => row.p90_s),
    // Nine of ten runs begin on time after it: what the slowest tenth need beyond the timetable.
    time("recovery", t("recovery"), (row) => Math.max(0, row.p90_s - row.planned_s)),
  ];
}
