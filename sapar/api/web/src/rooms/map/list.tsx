import { signal } from "@preact/signals";
import type { Vehicle } from "../../data/types";
import { delayNow } from "../../domain/look";
import { t } from "../../i18n";
import { Chip } from "../../kit/chip";
import { Glyph } from "../../kit/glyph";
import { type Column, inOrder, type Order, Table } from "../../kit/table";
import { spell } from "../../kit/when";
import * as state from "../../shell/state";
import { delayWords, phaseWords, speedWords } from "../../vehicle/words";
import * as filters from "./filters";
import { Notice } from "./notice";

const order = signal<Order | null>(null);

/** A silent vehicle's speed is of another time. */
function speedNow(vehicle: Vehicle): number | null {
  return vehicle.phase === "no_signal" ? null : vehicle.speed_mps;
}

function stopName({ vehicle }: state.Row): string | null {
  const id = vehicle.next_stop_id;
  return id === null || vehicle.phase === "no_signal"
    ? null
    : (state.network.value.stopById.get(id)?.name ?? id);
}

function columns(): readonly Column<state.Row>[] {
  return [
    {
      id: "bus",
      name: t("bus"),
      width: "104px",
      head: true,
      value: ({ vehicle }) => vehicle.label ?? vehicle.id,
      cell: ({ vehicle, look }) => (
        <>
          <Glyph shape={look.shape} tone={look.tone} hollow={look.hollow || look.age === "gone"} />
          {vehicle.label ?? vehicle.id}
        </>
      ),
    },
    {
      id: "route",
      name: t("route"),
      width: "80px",
      value: (row) => row.routeName || null,
      cell: ({ vehicle, routeName }) => <Chip id={vehicle.route_id} name={routeName} />,
    },
    { id: "headsign", name: t("headsign"), value: ({ vehicle }) => vehicle.headsign },
    {
      id: "delay",
      name: t("delay"),
      width: "200px",
      down: true,
      value: ({ vehicle }) => (vehicle.trip_id === null ? null : delayNow(vehicle)),
      cell: ({ vehicle }) =>
        vehicle.trip_id !== null && vehicle.phase !== "no_signal"
          ? delayWords(vehicle.delay_s)
          : "–",
    },
    {
      id: "fixAge",
      name: t("fixAge"),
      width: "134px",
      value: (row) => Math.round(row.age_s),
      cell: (row) => spell(row.age_s),
    },
    {
      id: "phase",
      name: t("phase"),
      width: "148px",
      value: ({ vehicle }) => phaseWords(vehicle.phase),
    },
    {
      id: "speed",
      name: t("speed"),
      width: "108px",
      value: ({ vehicle }) => speedNow(vehicle),
      cell: ({ vehicle }) => speedWords(speedNow(vehicle)),
    },
    { id: "nextStop", name: t("nextStop"), value: stopName },
  ];
}

/** The rows in the order that the list shows them. */
export function listRows(): readonly state.Row[] {
  return inOrder(filters.shownRows.value, columns(), order.value);
}

/** All vehicles as a table: the same rows as on the map, for those who cannot or need not see it. */
export function List() {
  return (
    <div class="list">
      <Notice />
      <Table
        label={t("list")}
        columns={columns()}
        rows={filters.shownRows.value}
        key_of={(row) => row.vehicle.id}
        selected={state.selectedBus.value}
        onOpen={(row) => {
          state.select({ bus: row.vehicle.id });
        }}
        order={order}
        csv="vehicles"
        min_px={1024}
      />
    </div>
  );
}
