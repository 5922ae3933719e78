import { loadOf, loadSegments } from "../domain/spacing";
import { t } from "../i18n";
import { percentText } from "../kit/when";

/** How full a bus is: of four segments the filled ones, a bar across when it is full, and a word. */
export function Load({ percent }: { percent: number | null }) {
  if (percent === null) {
    return (
      <span class="load">
        <svg viewBox="0 0 44 14" aria-hidden="true" class="is-unknown">
          <rect x="1" y="1" width="42" height="12" rx="2" />
        </svg>
        {t("load_none")}
      </span>
    );
  }
  const filled = loadSegments(percent);
  return (
    <span class="load">
      <svg viewBox="0 0 44 14" aria-hidden="true">
        {[0, 1, 2, 3].map((index) => (
          <rect
            key={index}
            x={1 + index * 11}
            y="2"
            width="9"
            height="10"
            class={index < filled ? "is-filled" : ""}
          />
        ))}
        {percent >= 90 && <path d="M0 7h44" />}
      </svg>
      {t(`loadWord_${loadOf(percent)}`)} · {percentText(percent / 100)}
    </span>
  );
}
