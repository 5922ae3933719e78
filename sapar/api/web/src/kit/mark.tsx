import type { Priority } from "../data/console";
import { t } from "../i18n";

/** An alarm's priority: square 1, triangle 2, circle 3, so that no colour is needed to tell. */
export function Mark(props: { priority: Priority; blink?: boolean; shelved?: boolean }) {
  const { priority, blink, shelved } = props;
  const shape =
    priority === 1 ? (
      <rect x="2" y="2" width="20" height="20" rx="1.5" />
    ) : priority === 2 ? (
      <path d="M12 1.5 23 22H1Z" />
    ) : (
      <circle cx="12" cy="12" r="9.5" />
    );
  return (
    <svg
      class={`mark mark-${priority} ${blink ? "is-blinking" : ""} ${shelved ? "is-shelved" : ""}`}
      viewBox="0 0 24 24"
      role="img"
      aria-label={t("priority", { n: priority })}
    >
      {shape}
      <text x="12" y={priority === 2 ? 19.5 : 17.2} text-anchor="middle">
        {priority}
      </text>
    </svg>
  );
}
