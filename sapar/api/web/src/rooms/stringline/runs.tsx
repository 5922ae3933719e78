/** The same runs as a table: for whoever cannot see or point at the diagram, and for a file. */
import { type Column, Table } from "../../kit/table";
import { clockText } from "../../kit/when";
import * as state from "../../shell/state";
import { delayText } from "./diagram";
import { t } from "./messages";
import { type Day, driveLines, type Run, stateOf } from "./model";

interface Row {
  readonly key: string;
  readonly run: Run;
  readonly vehicle_id: string | null;
  readonly state: ReturnType<typeof stateOf>;
  readonly first_s: number | null;
  readonly last_s: number | null;
  readonly stops: number;
}

export function Runs({ day, now_s }: { day: Day; now_s: number | null }) {
  const time = (at_s: number): string => clockText(day.day_start_s + at_s, false);
  const columns: readonly Column<Row>[] = [
    {
      id: "start",
      name: t("start"),
      value: ({ run }) => run.start_s,
      cell: ({ run }) => time(run.departure_s[0] ?? run.start_s),
      csv: ({ run }) => time(run.departure_s[0] ?? run.start_s),
      width: "180px",
      head: true,
    },
    { id: "run", name: t("run"), value: ({ run }) => run.trip_id },
    { id: "bus", name: t("bus"), value: ({ vehicle_id }) => vehicle_id, width: "100px" },
    {
      id: "state",
      name: t("state"),
      value: (row) => t(row.state),
      width: "130px",
    },
    {
      id: "first",
      name: t("first"),
      value: ({ first_s }) => first_s,
      cell: ({ first_s }) => delayText(first_s),
      width: "150px",
    },
    {
      id: "last",
      name: t("last"),
      value: ({ last_s }) => last_s,
      cell: ({ last_s }) => delayText(last_s),
      width: "150px",
    },
    {
      id: "stops",
      name: t("stops"),
      value: ({ stops }) => stops,
      cell: ({ stops, run }) => `${stops} / ${run.stops.length || "–"}`,
      number: true,
      width: "100px",
    },
  ];
  return (
    <Table
      label={t("title")}
      columns={columns}
      rows={rowsOf(day, now_s)}
      key_of={({ key }) => key}
      first={{ column: "start", down: false }}
      csv={`runs-${day.route_id}-${day.date}`}
      min_px={760}
      onOpen={({ vehicle_id, run }) =>
        state.select(vehicle_id ? { bus: vehicle_id } : { trip: run.trip_id })
      }
      filter
    />
  );
}

function rowsOf(day: Day, now_s: number | null): readonly Row[] {
  const until_s = now_s ?? Number.POSITIVE_INFINITY;
  const expected = new Set(day.expected.map((one) => `${one.trip_id} ${one.start_s}`));
  return day.runs.flatMap((run): readonly Row[] => {
    const key = `${run.trip_id} ${run.start_s}`;
    const found = { run, state: stateOf(run, until_s, expected.has(key)) };
    if (run.drives.length === 0) {
      return [{ ...found, key, vehicle_id: null, first_s: null, last_s: null, stops: 0 }];
    }
    return run.drives.map((drive) => {
      const points = driveLines(drive, run, day.stops).flat();
      return {
        ...found,
        key: `${key} ${drive.vehicle_id}`,
        vehicle_id: drive.vehicle_id,
        first_s: points[0]?.delay_s ?? null,
        last_s: points[points.length - 1]?.delay_s ?? null,
        stops: drive.stops.length,
      };
    });
  });
}
