import { Empty } from "../../kit/states";
import { clockText } from "../../kit/when";
import * as state from "../../shell/state";
import { shown } from "./chosen";
import { t } from "./messages";

/** An empty list says what was checked, and when. */
export function Nothing() {
  const fleet = state.fleet.value;
  if (shown.value !== "open" || !fleet) return <Empty>{t("noneOther")}</Empty>;
  return <Empty>{t("none", { n: fleet.vehicles.length, time: clockText(fleet.time_s) })}</Empty>;
}
