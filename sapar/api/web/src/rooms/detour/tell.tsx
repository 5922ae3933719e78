import { go, hrefOf } from "../../shell/query";
import * as state from "../../shell/state";
import { routeName } from "../acts/about";
import { t as say } from "../acts/messages";
import { t } from "./messages";
import { decided, reset } from "./stage";

/** Last step: who does not know yet. */
export function TellStep() {
  const routes = decided.value;
  return (
    <div class="detour-step">
      <h3>{t("tellTitle")}</h3>
      {routes.map((id) => {
        const buses = (state.fleet.value?.vehicles ?? []).filter((bus) => bus.route_id === id);
        return (
          <div key={id} class="detour-line">
            <strong>{say("routeName", { route: routeName(id) })}</strong>
            <p>{t("tellDrivers", { n: buses.length })}</p>
            <button
              type="button"
              class="primary"
              onClick={() => go({ room: "messages" }, { to: null, toroute: id, quick: "detour" })}
            >
              {t("write")}
            </button>
          </div>
        );
      })}
      <p>{t("tellNobody")}</p>
      <p>{t("tellRiders")}</p>
      <footer>
        <a href={hrefOf("alerts")}>{t("changeWords")}</a>
        <a href={hrefOf("acts")}>{t("listActs")}</a>
        <button type="button" onClick={reset}>
          {t("startAnew")}
        </button>
      </footer>
    </div>
  );
}
