import { Chip } from "../../kit/chip";
import { Mark } from "../../kit/mark";
import { useResource } from "../../kit/resource";
import { Empty, Fetched } from "../../kit/states";
import { type Column, Table } from "../../kit/table";
import { clockText, minutesText } from "../../kit/when";
import type { AlarmRow } from "../../shell/alarms";
import * as state from "../../shell/state";
import { day } from "./chosen";
import { t } from "./messages";
import { causeWords, lifeWords, stopName } from "./words";

function columns(): readonly Column<AlarmRow>[] {
  return [
    {
      id: "priority",
      name: t("priority"),
      width: "52px",
      value: (row) => row.priority,
      cell: (row) => <Mark priority={row.priority} />,
    },
    {
      id: "since",
      name: t("since"),
      width: "80px",
      value: (row) => Math.round(row.raised_s),
      cell: (row) => clockText(row.raised_s),
      csv: (row) => clockText(row.raised_s),
    },
    {
      id: "ended",
      name: t("ended"),
      width: "80px",
      value: (row) => row.cleared_s && Math.round(row.cleared_s),
      cell: (row) => (row.cleared_s === null ? "–" : clockText(row.cleared_s)),
      csv: (row) => row.cleared_s && clockText(row.cleared_s),
    },
    {
      id: "age",
      name: t("age"),
      width: "92px",
      value: (row) => row.cleared_s && Math.round(row.cleared_s - row.raised_s),
      cell: (row) => (row.cleared_s === null ? "–" : minutesText(row.cleared_s - row.raised_s)),
    },
    {
      id: "route",
      name: "№",
      width: "62px",
      value: (row) => routeName(row) || null,
      cell: (row) => <Chip id={row.route_id} name={routeName(row)} />,
    },
    { id: "cause", name: t("cause"), head: true, value: causeWords },
    { id: "place", name: t("place"), width: "18%", value: (row) => stopName(row.stop_id) || null },
    { id: "who", name: t("who"), width: "150px", value: (row) => lifeWords(row) || null },
  ];
}

function routeName(row: AlarmRow): string {
  const id = row.route_id ?? "";
  return state.network.value.routeById.get(id)?.name ?? id;
}

/** The alarms of a day, newest first. */
export function Past() {
  const query = day.value === null ? {} : { day: day.value };
  const found = useResource<{ alarms: readonly AlarmRow[] }>("/api/dispatch/alarms/history", {
    query,
  });
  return (
    <Fetched of={found}>
      {({ alarms }) => (
        <Table
          label={t("past")}
          columns={columns()}
          rows={alarms}
          key_of={(row) => String(row.alarm_no)}
          onOpen={(row) => row.vehicle_id !== null && state.select({ bus: row.vehicle_id })}
          empty={<Empty>{t("nonePast")}</Empty>}
          csv={`exceptions-${day.value ?? "today"}`}
          filter
          min_px={800}
        />
      )}
    </Fetched>
  );
}
