import { t } from "../../i18n";
import { clockText } from "../../kit/when";
import * as state from "../../shell/state";
import * as filters from "./filters";

/** Says why the map or the list is empty: what was checked, and when. */
export function Notice() {
  const text = noticeText();
  return text === null ? null : (
    <p class="notice" role="status">
      {text}
    </p>
  );
}

function noticeText(): string | null {
  const fleet = state.fleet.value;
  if (state.outage.value?.kind === "server") return null;
  if (filters.webglMissing.value && !filters.listShown.value) return t("noWebgl");
  if (!fleet) return state.link.value.waiting ? t("noState") : null;
  if (fleet.vehicles.length === 0) return t("emptyFleet", { expected: fleet.expected ?? "–" });
  if (filters.shownRows.value.length === 0) {
    const time = clockText(state.cityTime.value ?? fleet.time_s);
    const calm = filters.exceptionsOnly.value && !filters.narrowed.value;
    return t(calm ? "noExceptions" : "emptyFilter", { n: fleet.vehicles.length, time });
  }
  if (!filters.listShown.value && !filters.shownRows.value.some(filters.isOnMap)) {
    return t("onlyListed", { n: filters.shownRows.value.length });
  }
  const network = state.networkState.value;
  if (network === "no_timetable") return t("noNetwork");
  if (network !== "loading" && network !== "ready") return t("networkFailed", { code: network });
  return null;
}
