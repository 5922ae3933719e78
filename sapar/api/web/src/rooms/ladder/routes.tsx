import { t as say } from "../../i18n";
import { Chip } from "../../kit/chip";
import * as state from "../../shell/state";
import { shownRoutes, showOnly, showRoute, troubleOf, wanted } from "./choice";
import { t } from "./messages";

/** The routes with their runs and their trouble; a press shows one alone, its tick adds it. */
export function Routes() {
  const text = (wanted.value ?? "").trim().toLocaleLowerCase("kk");
  const routes = state.network.value.routes.filter(
    ({ name, long_name }) =>
      text === "" || `${name} ${long_name}`.toLocaleLowerCase("kk").includes(text),
  );
  return (
    <nav class={`ladder-routes ${state.menuShown.value ? "is-open" : ""}`} aria-label={t("choose")}>
      <input
        id="ladder-find"
        type="search"
        aria-label={t("filter")}
        placeholder={t("filter")}
        value={wanted.value ?? ""}
        onInput={(event) => {
          wanted.value = event.currentTarget.value || null;
        }}
        onKeyDown={(event) => {
          const first = routes[0];
          if (event.code === "Enter" && first) showRoute(first.id, true);
        }}
      />
      <ul>
        {routes.map(({ id, name, long_name }) => {
          const on = shownRoutes.value.includes(id);
          const trouble = troubleOf.value.get(id);
          return (
            <li key={id}>
              <input
                type="checkbox"
                aria-label={`${say("route")} ${name}`}
                checked={on}
                onChange={(event) => showRoute(id, event.currentTarget.checked)}
              />
              <button
                type="button"
                class="bare"
                aria-current={on}
                title={long_name}
                onClick={() => {
                  showOnly(id);
                  state.menuShown.value = false;
                }}
              >
                <Chip id={id} name={name} />
                <span class="count" title={t("runsTitle")}>
                  {trouble ? t("runs", { running: trouble.running, planned: trouble.planned }) : ""}
                </span>
              </button>
              <Trouble uneven={trouble?.uneven ?? 0} ghosts={trouble?.ghosts ?? 0} />
            </li>
          );
        })}
      </ul>
    </nav>
  );
}

function Trouble({ uneven, ghosts }: { uneven: number; ghosts: number }) {
  return (
    <span class="trouble">
      {uneven > 0 && (
        <span title={t("trouble", { n: uneven })}>
          <svg viewBox="0 0 14 14" aria-hidden="true" class="tone-warm2">
            <path d="M9 1H4v12h5" />
          </svg>
          {uneven}
        </span>
      )}
      {ghosts > 0 && (
        <span title={t("ghosts", { n: ghosts })}>
          <svg viewBox="0 0 14 14" aria-hidden="true">
            <circle cx="7" cy="7" r="5.5" stroke-dasharray="3 2" />
          </svg>
          {ghosts}
        </span>
      )}
    </span>
  );
}
