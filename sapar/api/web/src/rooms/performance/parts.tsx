/** Pieces that the pages share: tiles, day texts, the answer when nothing was kept. */
import { language } from "../../i18n";
import { dateIn } from "../../i18n/locale";
import { Empty } from "../../kit/states";
import { t } from "./messages";

/** "Fri 20 Nov" of `2026-11-20`. */
export function dateText(day: string, weekday = false): string {
  return dateIn(Date.parse(`${day}T00:00:00Z`), language.value, "UTC", {
    ...(weekday ? { weekday: "short" } : {}),
  });
}

/** Days as numbers for the x axis of a chart, and back as text. */
export function dayNumber(day: string): number {
  return Date.parse(`${day}T00:00:00Z`) / 86_400_000;
}

export function dayOfNumber(value: number): string {
  if (!Number.isInteger(value)) return "";
  return dateText(new Date(value * 86_400_000).toISOString().slice(0, 10));
}

/** A figure with its name and what it is a share of. */
export function Tile(props: { name: string; value: string; note: string; thin?: boolean }) {
  return (
    <div class={`tile ${props.thin ? "is-thin" : ""}`}>
      <dt>{props.name}</dt>
      <dd>
        <strong>{props.value}</strong>
        <span>{props.note}</span>
      </dd>
    </div>
  );
}

export function Nothing() {
  return <Empty>{t("noData")}</Empty>;
}
