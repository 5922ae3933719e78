/** Ten minutes before an act ends every dispatcher is told, in whichever room. */
import { useEffect, useRef } from "preact/hooks";
import type { ActList } from "../../desk/types";
import { useResource } from "../../kit/resource";
import { done } from "../../kit/toast";
import { clockText } from "../../kit/when";
import { place } from "../../shell/query";
import * as state from "../../shell/state";
import { aboutRow } from "./about";
import { t } from "./messages";

export function Endings() {
  // The server tells of it as of every other change of the list; before the first there is none.
  const moved = state.changes.acts.value > 0;
  const acts = useResource<ActList>(moved ? "/api/dispatch/acts.json" : null, {
    on: state.changes.acts,
  });
  const told = useRef(new Set<string>());
  useEffect(() => {
    const now_s = acts.data?.time_s ?? 0;
    for (const row of acts.data?.acts ?? []) {
      if (row.state !== "ending" || told.current.has(row.act_id)) continue;
      told.current.add(row.act_id);
      if (place.peek().room === "acts") continue; // its list says so
      const until_s = row.until_s ?? now_s;
      const n = Math.max(0, Math.round((until_s - now_s) / 60));
      done(t("endsSoon", { what: aboutRow(row), time: clockText(until_s, false), n }));
    }
  }, [acts.data]);
  return null;
}
