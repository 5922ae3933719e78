/** How arrival predictions held against what happened. */
import { Chart, type Tone } from "../../kit/chart";
import { useResource } from "../../kit/resource";
import { Fetched } from "../../kit/states";
import { type Column, Table } from "../../kit/table";
import { numberText, percentText } from "../../kit/when";
import { asked } from "./asked";
import { t } from "./messages";
import { dayNumber, dayOfNumber, Nothing } from "./parts";
import type { Answer, Forecast } from "./types";

const path = "/api/performance/eta.json";
const looks: readonly { tone: Tone; dash: readonly number[] }[] = [
  { tone: "ink", dash: [] },
  { tone: "cold2", dash: [8, 4] },
  { tone: "warm2", dash: [2, 4] },
  { tone: "even", dash: [12, 4, 2, 4] },
];

export function Forecasts() {
  const found = useResource<Answer<Forecast>>(path, { query: asked() });
  const daily = useResource<Answer<Forecast>>(path, { query: asked({ by: ["day"] }) });
  return (
    <Fetched of={found}>
      {({ rows, from, to }) => {
        if (rows.length === 0) return <Nothing />;
        return (
          <>
            {from !== to && daily.data && <ByDay rows={daily.data.rows} />}
            <Table
              label={t("forecastsOf")}
              columns={columns()}
              rows={rows}
              key_of={(row) => String(row.from_min)}
              csv={`forecasts_${from}_${to}`}
              min_px={760}
            />
          </>
        );
      }}
    </Fetched>
  );
}

function horizon(row: Forecast): string {
  return `${row.from_min}–${row.until_min}`;
}

function ByDay({ rows }: { rows: readonly Forecast[] }) {
  const dates = [...new Set(rows.map((row) => row.day ?? ""))].sort();
  const names = [...new Set(rows.map(horizon))].slice(0, looks.length);
  return (
    <section>
      <h3>{t("accurateByDay")}</h3>
      <Chart
        label={t("accurateByDay")}
        x={dates.map(dayNumber)}
        xName={t("day_one")}
        xText={dayOfNumber}
        yText={(value) => percentText(value)}
        yRange={[0, 1]}
        height_px={220}
        series={names.map((name, place) => ({
          name: t("minutes", { n: name }),
          tone: looks[place]?.tone ?? "ink",
          dash: looks[place]?.dash ?? [],
          text: (value: number) => percentText(value, 1),
          values: dates.map(
            (day) =>
              rows.find((row) => row.day === day && horizon(row) === name)?.accurate_share ?? null,
          ),
        }))}
      />
    </section>
  );
}

function columns(): Column<Forecast>[] {
  const percent = (
    id: string,
    name: string,
    pick: (row: Forecast) => number | null,
  ): Column<Forecast> => ({
    id,
    name,
    number: true,
    value: pick,
    cell: (row) => percentText(pick(row), 1),
  });
  const seconds = (
    id: string,
    name: string,
    pick: (row: Forecast) => number | null,
  ): Column<Forecast> => ({
    id,
    name,
    number: true,
    value: pick,
    cell: (row) => {
      const value = pick(row);
      return value === null ? "–" : t("seconds", { n: numberText(value) });
    },
  });
  return [
    {
      id: "horizon",
      name: t("horizon"),
      head: true,
      value: (row) => row.from_min,
      csv: horizon,
      cell: (row) => t("minutes", { n: horizon(row) }),
    },
    percent("accurate", t("accurate"), (row) => row.accurate_share),
    percent("within", t("within"), (row) => row.within_bounds_share),
    percent("covered", t("covered"), (row) => row.coverage),
    seconds("mae", t("mae"), (row) => row.mae_s),
    seconds("bias", t("bias"), (row) => row.bias_s),
    {
      id: "scored",
      name: t("scored"),
      number: true,
      value: (row) => row.scored,
      cell: (row) => numberText(row.scored),
    },
    {
      id: "never",
      name: t("neverCame"),
      number: true,
      value: (row) => row.never_came,
      cell: (row) => numberText(row.never_came),
    },
  ];
}
