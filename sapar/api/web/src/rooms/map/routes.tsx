import { t } from "../../i18n";
import { Chip } from "../../kit/chip";
import { Count } from "../../kit/count";
import { mapCommands } from "../../map/commands";
import * as state from "../../shell/state";
import { hidden } from "./filters";

function toggle(id: string, on: boolean): void {
  const next = new Set(hidden.value);
  if (on) next.delete(id);
  else next.add(id);
  hidden.value = next;
}

/** The routes with their vehicles now; a tick decides whether the map and the list show them. */
export function Routes() {
  const counts = new Map<string, number>();
  for (const { vehicle } of state.rows.value) {
    const id = vehicle.route_id ?? "";
    counts.set(id, (counts.get(id) ?? 0) + 1);
  }
  const { routes } = state.network.value;
  const without = counts.get("") ?? 0;
  return (
    <nav class="routes" aria-label={t("routes")}>
      <header>
        <h2>{t("routes")}</h2>
        <button
          type="button"
          onClick={() => {
            hidden.value = new Set();
          }}
        >
          {t("showAll")}
        </button>
        <button
          type="button"
          onClick={() => {
            hidden.value = new Set(["", ...routes.map((route) => route.id)]);
          }}
        >
          {t("hideAll")}
        </button>
      </header>
      <ul>
        {routes.map((route) => (
          <li key={route.id}>
            <label>
              <input
                type="checkbox"
                checked={!hidden.value.has(route.id)}
                onChange={(event) => toggle(route.id, event.currentTarget.checked)}
              />
              <Chip id={route.id} name={route.name} />
              <span class="long" title={route.long_name}>
                {route.long_name === route.name ? "" : route.long_name}
              </span>
            </label>
            <Count n={counts.get(route.id) ?? 0} />
            <button
              type="button"
              class="icon bare"
              title={t("fitRoute", { route: route.name })}
              onClick={() => mapCommands.fitRoute(route.id)}
            >
              <svg viewBox="0 0 16 16" aria-hidden="true">
                <path d="M8 1v4M8 11v4M1 8h4M11 8h4" />
              </svg>
              <span class="hidden">{t("fitRoute", { route: route.name })}</span>
            </button>
          </li>
        ))}
        {without > 0 && (
          <li key="">
            <label>
              <input
                type="checkbox"
                checked={!hidden.value.has("")}
                onChange={(event) => toggle("", event.currentTarget.checked)}
              />
              <span class="long">{t("noRoute")}</span>
            </label>
            <Count n={without} />
          </li>
        )}
      </ul>
      {state.networkState.value === "loading" && <div class="bones" aria-hidden="true" />}
    </nav>
  );
}
