import { ActButtons } from "../desk/buttons";
import { t } from "../i18n";
import { Chip } from "../kit/chip";
import { useResource } from "../kit/resource";
import { Empty, Fetched } from "../kit/states";
import { clockText } from "../kit/when";
import { mapCommands } from "../map/commands";
import { go } from "../shell/query";
import * as state from "../shell/state";
import { ClosePanel } from "./panel";

interface Arrival {
  readonly state: string;
  readonly trip_id: string;
  readonly route_id: string;
  readonly headsign: string;
  readonly scheduled_arrival_s: number | null;
  readonly arrival_s: number | null;
  readonly vehicle: { readonly vehicle_id: string; readonly label: string | null } | null;
}

interface Board {
  readonly time_s: number;
  readonly arrivals: readonly Arrival[];
}

const renew_ms = 10_000;
const shown_max = 12;

/** A stop: which buses come next, as riders are told. */
export function StopPanel({ id }: { id: string }) {
  const stop = state.network.value.stopById.get(id);
  const board = useResource<Board>(`/api/stops/${encodeURIComponent(id)}/arrivals`, {
    every_ms: renew_ms,
  });
  return (
    <aside class="panel" aria-label={`${t("stop")} ${stop?.name ?? id}`}>
      <header>
        <h2 class="is-name">{stop?.name ?? id}</h2>
        <ClosePanel />
      </header>
      <p class="routes-here">
        {(stop?.routes ?? []).map((route) => (
          <Chip
            key={route}
            id={route}
            name={state.network.value.routeById.get(route)?.name ?? route}
          />
        ))}
      </p>
      <h3>{t("arrivals")}</h3>
      <Fetched of={board} rows={4}>
        {({ time_s, arrivals }) =>
          arrivals.length === 0 ? (
            <Empty>{t("noArrivals")}</Empty>
          ) : (
            <ul class="arrivals">
              {arrivals.slice(0, shown_max).map((one) => (
                <Line key={`${one.trip_id} ${one.scheduled_arrival_s}`} one={one} now_s={time_s} />
              ))}
            </ul>
          )
        }
      </Fetched>
      {stop && (
        <div class="buttons">
          <button
            type="button"
            onClick={() => {
              go({ room: "map" }, { view: null });
              mapCommands.goTo(stop.lon, stop.lat);
            }}
          >
            {t("centre")}
          </button>
          <ActButtons stop_id={stop.id} />
        </div>
      )}
    </aside>
  );
}

function Line({ one, now_s }: { one: Arrival; now_s: number }) {
  const at_s = one.arrival_s ?? one.scheduled_arrival_s;
  const minutes = at_s === null ? null : Math.floor((at_s - now_s) / 60);
  const name = state.network.value.routeById.get(one.route_id)?.name ?? one.route_id;
  return (
    <li>
      <Chip id={one.route_id} name={name} />
      <span class="to">{one.headsign}</span>
      <span class="when">
        {minutes === null ? "–" : minutes < 1 ? t("now") : t("inMinutes", { n: minutes })}
        <span class="clock">{at_s === null ? "" : clockText(at_s, false)}</span>
      </span>
      {one.vehicle ? (
        <button
          type="button"
          class="inline"
          onClick={() => state.select({ bus: one.vehicle?.vehicle_id ?? "" })}
        >
          {one.vehicle.label ?? one.vehicle.vehicle_id}
        </button>
      ) : (
        <span class="clock">{t("byTimetable")}</span>
      )}
    </li>
  );
}
