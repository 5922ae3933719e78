/** Proof of runs: by carrier, and run by run. */
import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { getJson } from "../../kit/api";
import { Chip } from "../../kit/chip";
import { DayField, SelectField } from "../../kit/fields";
import { useResource } from "../../kit/resource";
import { Fetched } from "../../kit/states";
import { type Column, Table } from "../../kit/table";
import { failed } from "../../kit/toast";
import { clockText, numberText, percentText, spell } from "../../kit/when";
import { go } from "../../shell/query";
import * as state from "../../shell/state";
import { asked, days } from "./asked";
import { t } from "./messages";
import { Nothing } from "./parts";
import type { Answer, Carrier, Run, Runs as RunsAnswer } from "./types";

const statuses = ["done", "partly", "not_done"] as const;

export function Runs() {
  const carriers = useResource<Answer<Carrier>>("/api/performance/carriers.json", {
    query: asked(),
  });
  return (
    <Fetched of={carriers}>
      {({ rows, from, to }) =>
        rows.length === 0 ? (
          <Nothing />
        ) : (
          <>
            <section class="carriers">
              <h3>{t("carriers")}</h3>
              <Table
                label={t("carriers")}
                columns={carrierColumns()}
                rows={rows}
                key_of={(row) => row.carrier_id ?? ""}
                csv={`carriers_${from}_${to}`}
                min_px={820}
              />
            </section>
            <OneDay />
          </>
        )
      }
    </Fetched>
  );
}

function OneDay() {
  const day = useSignal(days.value[1]);
  const status = useSignal<string>("");
  const more = useSignal<RunsAnswer | null>(null);
  const query = asked({ from: day.value, to: day.value, status: status.value || null });
  const found = useResource<RunsAnswer>("/api/performance/runs.json", { query });
  useEffect(() => {
    more.value = null;
  }, [JSON.stringify(query)]);
  const rows = [...(found.data?.rows ?? []), ...(more.value?.rows ?? [])];
  const after = more.value ? more.value.next_after : (found.data?.next_after ?? null);
  const goOn = async (): Promise<void> => {
    try {
      const answer = await getJson<RunsAnswer>("/api/performance/runs.json", {
        query: { ...query, after },
      });
      more.value = { ...answer, rows: [...(more.value?.rows ?? []), ...answer.rows] };
    } catch (error) {
      failed(error);
    }
  };
  return (
    <section class="one-day">
      <header>
        <h3>{t("runsOf")}</h3>
        <DayField
          label={t("day_one")}
          value={day.value}
          onValue={(value) => {
            if (value) day.value = value;
          }}
        />
        <SelectField
          label={t("status")}
          value={status.value}
          none={t("anyStatus")}
          choices={statuses.map((value) => ({ value, name: t(`status_${value}`) }))}
          onValue={(value) => {
            status.value = value;
          }}
        />
      </header>
      <Fetched of={found}>
        {() => (
          <Table
            label={t("runsOf")}
            columns={runColumns()}
            rows={rows}
            key_of={(row) => `${row.trip_id} ${row.start_s}`}
            empty={<Nothing />}
            csv={`runs_${day.value}`}
            filter
            min_px={1040}
            onOpen={(row) =>
              go(
                { room: "stringline" },
                { route: row.route_id, date: day.value, bus: row.vehicle_ids[0] ?? null },
              )
            }
            foot={
              after !== null && (
                <button type="button" onClick={() => void goOn()}>
                  {t("more")}
                </button>
              )
            }
          />
        )}
      </Fetched>
    </section>
  );
}

function carrierColumns(): Column<Carrier>[] {
  const count = (
    id: Exclude<keyof Carrier, "carrier_id" | "name">,
    name: string,
    digits = 0,
  ): Column<Carrier> => ({
    id,
    name,
    number: true,
    down: true,
    value: (row) => row[id],
    cell: (row) => numberText(row[id], digits),
  });
  return [
    {
      id: "carrier",
      name: t("carrier"),
      head: true,
      width: "22%",
      value: (row) => row.name ?? t("noCarrier"),
    },
    count("planned", t("planned")),
    count("done", t("done")),
    {
      id: "run_share",
      name: "%",
      number: true,
      width: "80px",
      value: (row) => row.run_share,
      cell: (row) => percentText(row.run_share, 1),
    },
    count("partly", t("partly")),
    count("extra", t("extra")),
    count("gps_off", t("gpsOff")),
    count("planned_km", t("plannedKm"), 1),
    count("driven_km", t("drivenKm"), 1),
    count("corrected", t("corrected")),
  ];
}

const reasons = [
  "never_seen",
  "few_stops",
  "start_missed",
  "end_missed",
  "stops_missed",
  "distance_short",
  "gps_silent",
  "block_silent",
  "vehicle_changed",
  "not_planned",
] as const;

/** Why a run is not simply done, in words. */
function whyOf(row: Run): string {
  const words = row.reasons.map((code) => {
    const known = reasons.find((one) => one === code);
    return known ? t(`reason_${known}`) : code;
  });
  if (row.corrected_by !== null) {
    words.unshift(t("correction", { author: row.corrected_by, text: row.correction ?? "" }));
  }
  return words.join(", ");
}

function runColumns(): Column<Run>[] {
  const names = state.network.value.routeById;
  const clock = (at_s: number | null): string => (at_s === null ? "–" : clockText(at_s, false));
  return [
    {
      id: "route",
      name: t("route"),
      width: "84px",
      value: (row) => names.get(row.route_id)?.name ?? row.route_id,
      cell: (row) => (
        <Chip id={row.route_id} name={names.get(row.route_id)?.name ?? row.route_id} />
      ),
    },
    {
      id: "start",
      name: t("start"),
      width: "80px",
      number: true,
      head: true,
      value: (row) => row.scheduled_start_s,
      csv: (row) => clock(row.scheduled_start_s),
      cell: (row) => clock(row.scheduled_start_s),
    },
    {
      id: "status",
      name: t("status"),
      width: "128px",
      value: (row) => t(`status_${row.status}`),
    },
    {
      id: "bus",
      name: t("bus"),
      width: "110px",
      value: (row) => row.vehicle_ids.join(" "),
    },
    {
      id: "left",
      name: t("actualStart"),
      width: "80px",
      number: true,
      value: (row) => row.first_stop_s,
      csv: (row) => clock(row.first_stop_s),
      cell: (row) => clock(row.first_stop_s),
    },
    {
      id: "came",
      name: t("end"),
      width: "80px",
      number: true,
      value: (row) => row.last_stop_s,
      csv: (row) => clock(row.last_stop_s),
      cell: (row) => clock(row.last_stop_s),
    },
    {
      id: "stops",
      name: t("stops"),
      width: "96px",
      number: true,
      value: (row) => row.stops_visited / Math.max(1, row.stops_planned),
      csv: (row) => `${row.stops_visited}/${row.stops_planned}`,
      cell: (row) => `${row.stops_visited}/${row.stops_planned}`,
    },
    {
      id: "km",
      name: t("km"),
      width: "110px",
      number: true,
      value: (row) => row.driven_m / 1000,
      cell: (row) => `${numberText(row.driven_m / 1000, 1)}/${numberText(row.planned_m / 1000, 1)}`,
    },
    {
      id: "gap",
      name: t("gap"),
      width: "150px",
      number: true,
      down: true,
      value: (row) => row.gap_longest_s,
      cell: (row) => (row.gap_longest_s > 0 ? spell(row.gap_longest_s) : "–"),
    },
    { id: "why", name: t("why"), value: whyOf },
  ];
}
