/** Which device loses data or lies? */
import { Switch } from "../../kit/fields";
import { useResource } from "../../kit/resource";
import { Empty, Fetched } from "../../kit/states";
import { type Column, Table } from "../../kit/table";
import { clockText, numberText, spell } from "../../kit/when";
import { choiceParam } from "../../shell/query";
import * as state from "../../shell/state";
import type { Room } from "../room";
import { type Device, type Filter, filtered, filters } from "./filter";
import { t } from "./messages";
import "./room.css";

interface Devices {
  readonly time_s: number;
  readonly devices: readonly Device[];
  readonly counts: Readonly<Record<"known" | "heard" | "silent" | "never" | "backlog", number>>;
}

const shown = choiceParam<Filter>("show", "devices", filters);

function View() {
  const found = useResource<Devices>("/api/devices.json", { every_ms: 10_000 });
  return (
    <section class="page devices" aria-label={t("title")}>
      <header>
        <h2>{t("title")}</h2>
        <div class="actions">
          <Switch
            label={t("show")}
            value={shown.value}
            choices={filters.map((value) => ({ value, name: t(value) }))}
            onValue={(value) => {
              shown.value = value;
            }}
          />
        </div>
      </header>
      <Fetched of={found} rows={12}>
        {({ devices, counts, time_s }) => (
          <>
            <p>{t("counts", counts)}</p>
            <Table
              label={t("title")}
              columns={columns()}
              rows={filtered(devices, shown.value)}
              key_of={(device) => device.device_id}
              csv="devices"
              filter
              min_px={980}
              first={{ column: "last", down: true }}
              selected={null}
              onOpen={(device) => {
                if (device.vehicle_id !== null) state.selectedBus.value = device.vehicle_id;
              }}
              classOf={(device) => (device.suspect ? "is-suspect" : "")}
              empty={<Empty>{t("empty", { n: devices.length, time: clockText(time_s) })}</Empty>}
            />
            <p class="note">{t("note")}</p>
          </>
        )}
      </Fetched>
    </section>
  );
}

function clockWords(seconds: number): string {
  const n = numberText(Math.abs(seconds), 1);
  return seconds < 0 ? t("behindBy", { n }) : t("aheadBy", { n });
}

function columns(): Column<Device>[] {
  return [
    {
      id: "device",
      name: t("device"),
      head: true,
      width: "170px",
      value: (device) => device.device_id,
      cell: (device) => <code>{device.device_id}</code>,
    },
    { id: "kind", name: t("kind"), value: (device) => t(`kind_${device.kind}`) },
    {
      id: "bus",
      name: t("bus"),
      value: (device) => device.vehicle_id,
      cell: (device) => device.vehicle_id ?? <span class="quiet">{t("noBus")}</span>,
    },
    {
      id: "last",
      name: t("last"),
      width: "150px",
      number: true,
      down: true,
      value: (device) => device.age_s,
      cell: (device) => (
        <span {...(device.suspect ? { title: t("suspect") } : {})}>
          {device.suspect && <strong class="warning">! </strong>}
          {device.age_s === null ? t("neverHeard") : spell(device.age_s)}
        </span>
      ),
    },
    {
      id: "backlog",
      name: t("backlog"),
      number: true,
      down: true,
      value: (device) => device.backlog,
      cell: (device) => numberText(device.backlog),
    },
    {
      id: "clock",
      name: t("clock"),
      number: true,
      down: true,
      value: (device) => device.clock_s,
      cell: (device) => (device.clock_s === null ? "–" : clockWords(device.clock_s)),
    },
    {
      id: "gaps",
      name: t("gaps"),
      number: true,
      down: true,
      value: (device) => device.missing,
      cell: (device) =>
        device.gaps === 0 ? "0" : t("gapsOf", { gaps: device.gaps, missing: device.missing }),
    },
    {
      id: "refused",
      name: t("refused"),
      width: "22%",
      down: true,
      value: (device) => device.refused,
      cell: (device) =>
        device.refused === 0
          ? "0"
          : `${numberText(device.refused)} ${device.refused_codes.join(", ")}`,
    },
    {
      id: "battery",
      name: t("battery"),
      number: true,
      value: (device) => device.battery_v,
      cell: (device) =>
        device.battery_v === null ? "–" : t("volts", { n: numberText(device.battery_v, 1) }),
    },
    { id: "firmware", name: t("firmware"), value: (device) => device.firmware },
  ];
}

export const room: Room = { View, panel: true };
