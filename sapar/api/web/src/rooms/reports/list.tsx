/** The queue: which reports wait, how old they are, who has them. */
import { signal } from "@preact/signals";
import { Chip } from "../../kit/chip";
import { SelectField, Switch } from "../../kit/fields";
import { useResource } from "../../kit/resource";
import { Empty, Fetched } from "../../kit/states";
import { type Column, Table } from "../../kit/table";
import { clockText, spell } from "../../kit/when";
import { choiceParam, textParam } from "../../shell/query";
import * as state from "../../shell/state";
import { t } from "./messages";
import { kinds, type Queue, type Report } from "./types";

export const chosen = textParam("report", "reports");
const shown = choiceParam("state", "reports", ["open", "closed", "all"]);
const kind = textParam("kind", "reports");
export const queue = signal<readonly Report[]>([]);

const open = ["new", "taken", "answered"];

export function kindText(report: Pick<Report, "kind">): string {
  const known = kinds.find((one) => one === report.kind) ?? "other";
  return t(`kind_${known}`);
}

const routeText = ({ route_id, evidence }: Report): string =>
  evidence.route_name ?? state.network.value.routeById.get(route_id ?? "")?.name ?? "";

const stopText = ({ stop_id, evidence }: Report): string => evidence.stop_name ?? stop_id ?? "";

function columns(now_s: number): readonly Column<Report>[] {
  return [
    {
      id: "no",
      name: t("no"),
      value: (row) => row.report_no,
      number: true,
      width: "56px",
      down: true,
    },
    {
      id: "age",
      name: t("age"),
      value: (row) => Math.max(0, now_s - row.filed_s),
      cell: (row) => spell(Math.max(0, now_s - row.filed_s)),
      number: true,
      down: true,
      width: "104px",
    },
    { id: "state", name: t("state"), value: (row) => t(`state_${row.state}`), width: "112px" },
    { id: "kind", name: t("kind"), value: kindText, head: true },
    {
      id: "route",
      name: t("route"),
      value: routeText,
      cell: (row) => <Chip id={row.route_id} name={routeText(row)} />,
      width: "80px",
    },
    { id: "bus", name: t("bus"), value: (row) => row.vehicle_id, width: "80px" },
    { id: "stop", name: t("stop"), value: stopText },
    { id: "owner", name: t("owner"), value: (row) => row.taken_by, width: "120px" },
  ];
}

export function List() {
  const states =
    shown.value === "open" ? open : shown.value === "closed" ? ["closed"] : [...open, "closed"];
  const resource = useResource<Queue>("/api/dispatch/reports", {
    query: { state: states, kind: kind.value },
    on: state.changes.reports,
    every_ms: 60_000,
  });
  return (
    <div class="report-list">
      <div class="report-filters">
        <Switch
          label={t("state")}
          value={shown.value}
          choices={[
            { value: "open", name: t("stateOpen") },
            { value: "closed", name: t("stateClosed") },
            { value: "all", name: t("stateAll") },
          ]}
          onValue={(value) => {
            shown.value = value;
          }}
        />
        <SelectField
          label={t("kind")}
          value={kind.value ?? ""}
          none={t("allKinds")}
          choices={kinds.map((one) => ({ value: one, name: t(`kind_${one}`) }))}
          onValue={(value) => {
            kind.value = value === "" ? null : value;
          }}
        />
      </div>
      <Fetched of={resource}>
        {(data) => {
          queue.value = data.reports;
          return (
            <Table<Report>
              label={t("list")}
              columns={columns(data.time_s)}
              rows={data.reports}
              key_of={(row) => String(row.report_no)}
              onOpen={(row) => {
                chosen.value = String(row.report_no);
              }}
              selected={chosen.value}
              first={{ column: "no", down: true }}
              csv="reports"
              filter
              min_px={720}
              classOf={(row) => `report-${row.state}`}
              empty={<Empty>{t("empty", { time: clockText(data.time_s) })}</Empty>}
            />
          );
        }}
      </Fetched>
    </div>
  );
}
