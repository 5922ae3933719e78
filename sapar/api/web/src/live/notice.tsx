import { t } from "../i18n";
import * as state from "../shell/state";

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
  if (state.webglMissing.value && !state.listShown.value) return t("noWebgl");
  if (!fleet) return state.link.value.waiting ? t("noState") : null;
  if (fleet.vehicles.length === 0) return t("emptyFleet", { expected: fleet.expected });
  if (state.shownRows.value.length === 0) {
    const time = state.clockText(state.cityTime.value ?? fleet.time_s);
    const filtered = state.hidden.value.size + state.hiddenPhases.value.size > 0;
    const calm = state.exceptionsOnly.value && !filtered;
    return t(calm ? "noExceptions" : "emptyFilter", { n: fleet.vehicles.length, time });
  }
  if (!state.listShown.value && !state.shownRows.value.some(state.isOnMap)) {
    return t("onlyListed", { n: state.shownRows.value.length });
  }
  const network = state.networkState.value;
  if (network === "no_timetable") return t("noNetwork");
  if (network !== "loading" && network !== "ready") return t("networkFailed", { code: network });
  return null;
}
