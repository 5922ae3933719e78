/** What a stage saw: counts and amounts as it kept them, for people. */
import { kindName } from "../../finance/kinds";
import { moneyText } from "../../kit/money";
import { momentText, numberText } from "../../kit/when";
import { t } from "./messages";

/** Shown elsewhere on the page, or nothing to a person. */
const left_out = ["at", "exceptions", "waiting", "by_kind"];

/** Amounts that are not named so, and numbers that only name something. */
const amounts = ["debits", "credits", "balance"];
const numbers = ["code", "journals_from", "journals_to"];

/** Whether there is anything to see in a value. */
export function isEmpty(value: unknown): boolean {
  if (value === null || value === "") return true;
  if (Array.isArray(value)) return value.length === 0;
  return typeof value === "object" && Object.values(value).every(isEmpty);
}

/** A value in words: amounts as money, moments by the city's clock. */
export function valueText(name: string, value: unknown): string {
  if (typeof value === "number") {
    if (numbers.includes(name)) return String(value);
    return name.endsWith("_tiyn") || amounts.includes(name) ? moneyText(value) : numberText(value);
  }
  if (typeof value === "boolean") return value ? "✓" : "–";
  if (name === "status" && typeof value === "string") return wordOf(value);
  if (typeof value === "string") {
    const moment = /^\d{4}-\d\d-\d\dT/.test(value) ? Date.parse(value) : Number.NaN;
    return Number.isNaN(moment) ? value : momentText(moment / 1000);
  }
  if (Array.isArray(value)) return value.map((one) => valueText(name, one)).join("; ");
  if (value !== null && typeof value === "object") {
    return Object.entries(value)
      .filter(([, one]) => !isEmpty(one))
      .map(([key, one]) => `${wordOf(key)} ${valueText(key, one)}`)
      .join(", ");
  }
  return "";
}

function wordOf(name: string): string {
  const key = `ev_${name}`;
  if (key in t.messages.en) return t(key as "ev_taps");
  const kind = kindName(name);
  return kind === name ? name.replace(/_tiyn$/, "").replaceAll("_", " ") : kind;
}

export function Evidence({ of }: { of: Readonly<Record<string, unknown>> }) {
  const lines = Object.entries(of).filter(
    ([name, value]) => !left_out.includes(name) && !isEmpty(value),
  );
  if (lines.length === 0) return null;
  return (
    <dl class="evidence" aria-label={t("evidence")}>
      {lines.map(([name, value]) => (
        <div key={name}>
          <dt>{wordOf(name)}</dt>
          <dd>{valueText(name, value)}</dd>
        </div>
      ))}
    </dl>
  );
}
