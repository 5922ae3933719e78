import { t } from "../i18n";
import { Chip } from "../kit/chip";
import { Mark } from "../kit/mark";
import { whyFrozen } from "../kit/states";
import { clockText } from "../kit/when";
import { mapCommands } from "../map/commands";
import { type AlarmRow, ringing } from "./alarms";
import { acknowledge } from "./answer";
import { may } from "./me";
import { go } from "./query";
import { silenced } from "./ring";
import * as state from "./state";

/** A panic stands above every room until somebody has acknowledged it. */
export function Emergency() {
  const panics = ringing.value.filter((row) => row.kind === "panic");
  return (
    <div role="alert" class="emergency-place">
      {panics.map((row) => (
        <One key={row.key} row={row} />
      ))}
    </div>
  );
}

function One({ row }: { row: AlarmRow }) {
  const route = state.network.value.routeById.get(row.route_id ?? "");
  const vehicle = state.rows.value.find((one) => one.vehicle.id === row.vehicle_id)?.vehicle;
  const frozen = whyFrozen();
  return (
    <div class="banner emergency">
      <Mark priority={1} blink />
      <p>
        {t("panicFrom", {
          bus: vehicle?.label ?? row.vehicle_id ?? "–",
          time: clockText(row.since_s),
        })}
      </p>
      {route && <Chip id={route.id} name={route.name} />}
      {silenced.value && <span class="hint">{t("soundOff")}</span>}
      <span class="buttons">
        <button
          type="button"
          onClick={() => {
            state.select(row.vehicle_id === null ? {} : { bus: row.vehicle_id });
            go({ room: "map" }, { view: null });
            if (vehicle) mapCommands.goTo(vehicle.lon, vehicle.lat);
          }}
        >
          {t("centre")}
        </button>
        {may("dispatcher") && (
          <button
            type="button"
            disabled={row.alarm_no === null || frozen !== null}
            title={frozen ?? undefined}
            onClick={() => void acknowledge(row)}
          >
            {t("acknowledge")}
          </button>
        )}
      </span>
    </div>
  );
}
