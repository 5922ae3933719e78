import type { Priority } from "../data/console";
import { t } from "../i18n";
import { Mark } from "../kit/mark";
import { counts, ringing } from "./alarms";
import { go, hrefOf } from "./query";
import * as state from "./state";

const priorities: readonly Priority[] = [1, 2, 3];

/** How many alarms stand, by priority; a press opens their list. */
export function AlarmCounts() {
  if (state.live.value.desk === null) return null;
  const { 1: one, 2: two, 3: three } = counts.value;
  return (
    <a
      class="alarm-counts"
      href={hrefOf("exceptions")}
      title={t("room_exceptions")}
      onClick={(event) => {
        event.preventDefault();
        go({ room: "exceptions" });
      }}
    >
      <b class="hidden">{t("alarmCounts", { one, two, three })}</b>
      {priorities.map((priority) => (
        <span
          key={priority}
          aria-hidden="true"
          class={counts.value[priority] === 0 ? "is-zero" : ""}
        >
          <Mark priority={priority} blink={priority === 1 && ringing.value.length > 0} />
          {counts.value[priority]}
        </span>
      ))}
    </a>
  );
}
