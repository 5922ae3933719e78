/** What a dispatcher can do about a run, a route or a stop, beside wherever it is shown. */
import { whyFrozen } from "../kit/states";
import { may } from "../shell/me";
import { drawDetour, openAct } from "./acting";
import { t } from "./messages";

export function ActButtons(props: {
  vehicle_id?: string | null;
  route_id?: string | null;
  trip_id?: string | null;
  stop_id?: string | null;
}) {
  if (!may("dispatcher")) return null;
  const { vehicle_id = null, route_id = null, trip_id = null, stop_id = null } = props;
  const frozen = whyFrozen();
  const off = { disabled: frozen !== null, title: frozen ?? "" };
  const run = { route_id, trip_id, vehicle_id };
  return (
    <>
      {trip_id !== null && (
        <button type="button" {...off} onClick={() => openAct({ kind: "cancel", ...run })}>
          {t("cancel")}
        </button>
      )}
      {trip_id !== null && (
        <button type="button" {...off} onClick={() => openAct({ kind: "skip", ...run })}>
          {t("skip")}
        </button>
      )}
      {stop_id !== null && (
        <button
          type="button"
          {...off}
          onClick={() => openAct({ kind: "skip", stop_ids: [stop_id] })}
        >
          {t("close")}
        </button>
      )}
      {route_id !== null && (
        <button type="button" {...off} onClick={() => drawDetour(route_id)}>
          {t("detour")}
        </button>
      )}
    </>
  );
}
