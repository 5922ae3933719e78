/** Where a replay begins: a moment and a room, or the minute before an alarm of a day. */
import { useSignal } from "@preact/signals";
import { alarmKinds } from "../../data/console";
import { t as say } from "../../i18n";
import { MomentField } from "../../kit/fields";
import { Mark } from "../../kit/mark";
import { useResource } from "../../kit/resource";
import { Fetched } from "../../kit/states";
import { type Column, Table } from "../../kit/table";
import { clockText } from "../../kit/when";
import { dayAround } from "../../replay/day";
import { t } from "../../replay/messages";
import { moment, startReplay } from "../../replay/moment";
import type { Mark as Alarm } from "../../replay/past";
import type { Marks } from "../../replay/player";
import { go } from "../../shell/query";
import * as state from "../../shell/state";
import type { Room } from "../room";
import "./room.css";

const before_s = 60;
const hour_s = 3600;
const rooms = ["map", "ladder", "stringline"] as const;

/** Opens a room at a moment of the past. */
function open(room: (typeof rooms)[number], at_s: number): void {
  startReplay(at_s);
  go({ room });
}

function View() {
  const zone = state.agency.value?.timezone ?? "UTC";
  const chosen = useSignal<number | null>(null);
  const now_s = state.live.value.fleet?.time_s ?? Date.now() / 1000;
  const at_s = chosen.value ?? moment.value ?? Math.floor((now_s - hour_s) / 60) * 60;
  const [from_s, until_s] = dayAround(at_s, zone);
  const marks = useResource<Marks>("/api/replay/marks.json", {
    query: { from: from_s, until: until_s },
  });
  return (
    <div class="replay-room">
      <header>
        <h1>{t("title")}</h1>
        <p>{t("lead")}</p>
        <form
          onSubmit={(event) => {
            event.preventDefault();
            open("map", at_s);
          }}
        >
          <MomentField
            label={t("when")}
            value={at_s}
            timezone={zone}
            onValue={(value) => {
              chosen.value = value;
            }}
          />
          <div class="buttons">
            {rooms.map((room) => (
              <button
                type={room === "map" ? "submit" : "button"}
                key={room}
                class={room === "map" ? "primary" : ""}
                {...(room === "map" ? {} : { onClick: () => open(room, at_s) })}
              >
                {say(`room_${room}`)}
              </button>
            ))}
          </div>
        </form>
      </header>
      <h2>{t("alarms")}</h2>
      <Fetched of={marks} rows={8}>
        {(data) => <Alarms alarms={data.alarms} />}
      </Fetched>
    </div>
  );
}

function Alarms({ alarms }: { alarms: readonly Alarm[] }) {
  const columns: readonly Column<Alarm>[] = [
    {
      id: "priority",
      name: t("priority"),
      value: ({ priority }) => priority,
      cell: ({ priority }) => <Mark priority={priority} />,
      width: "110px",
    },
    {
      id: "raised",
      name: t("raised"),
      value: ({ raised_s }) => raised_s,
      cell: ({ raised_s }) => clockText(raised_s),
      csv: ({ raised_s }) => new Date(raised_s * 1000).toISOString(),
      width: "120px",
      head: true,
    },
    {
      id: "cleared",
      name: t("cleared"),
      value: ({ cleared_s }) => cleared_s,
      cell: ({ cleared_s }) => (cleared_s === null ? t("standing") : clockText(cleared_s)),
      csv: ({ cleared_s }) =>
        cleared_s === null ? null : new Date(cleared_s * 1000).toISOString(),
      width: "120px",
    },
    { id: "kind", name: t("alarm"), value: ({ kind }) => words(kind) },
    { id: "bus", name: t("bus"), value: ({ vehicle_id }) => vehicle_id, width: "110px" },
    {
      id: "route",
      name: t("route"),
      value: ({ route_id }) =>
        route_id === null ? null : (state.network.value.routeById.get(route_id)?.name ?? route_id),
      width: "110px",
    },
  ];
  return (
    <Table
      label={t("alarms")}
      columns={columns}
      rows={alarms}
      key_of={(one) => `${one.kind} ${one.vehicle_id} ${one.route_id} ${one.raised_s}`}
      first={{ column: "raised", down: true }}
      empty={t("noAlarms")}
      csv="alarms"
      foot={alarms.length > 0 ? t("hint") : null}
      min_px={640}
      onOpen={({ vehicle_id, route_id, raised_s }) => {
        if (vehicle_id !== null) state.select({ bus: vehicle_id });
        if (route_id !== null) state.selectedRoute.value = route_id;
        open(vehicle_id === null ? "ladder" : "map", raised_s - before_s);
      }}
    />
  );
}

function words(kind: string): string {
  const known = alarmKinds.find((one) => one === kind);
  return known ? t(`kind_${known}`) : kind;
}

export const room: Room = { View };
