import { t } from "../i18n";

/** How many vehicles a row of a filter stands for. */
export function Count({ n }: { n: number }) {
  return (
    <span class={`count ${n === 0 ? "is-zero" : ""}`} title={t("routeVehicles", { n })}>
      {n}
    </span>
  );
}
