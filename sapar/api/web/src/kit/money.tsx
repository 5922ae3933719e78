/** Money: whole tiyn in the program, tenge for people; never a fraction of a number. */
import { language } from "../i18n";
import { TypedField, type TypedProps } from "./fields";

const space = "\u00a0";

/** "−1 234 567,50 ₸" with no-break spaces; tiyn only where they are not zero. */
export function moneyText(tiyn: number | null, style: { sign?: boolean } = {}): string {
  if (tiyn === null) return "–";
  const english = language.value === "en";
  const all = Math.abs(tiyn);
  const rest = all % 100;
  const whole = String((all - rest) / 100).replace(/\B(?=(\d{3})+$)/g, english ? "," : space);
  const part = rest === 0 ? "" : `${english ? "." : ","}${String(rest).padStart(2, "0")}`;
  const sign = tiyn < 0 ? "−" : style.sign && tiyn > 0 ? "+" : "";
  return `${sign}${whole}${part}${space}₸`;
}

/** An amount for a file of cells, in tenge. */
export function moneyCell(tiyn: number | null): number | null {
  return tiyn === null ? null : tiyn / 100;
}

/** Reads tenge as people type them, "1 234,50", exactly; null when it is no amount above zero. */
export function readTenge(text: string): number | null {
  const plain = text.replace(/[\s\u00a0₸]/g, "").replace(",", ".");
  const found = /^(\d{1,10})(?:\.(\d{1,2}))?$/.exec(plain);
  if (!found) return null;
  const tiyn = Number(found[1]) * 100 + Number((found[2] ?? "").padEnd(2, "0"));
  return tiyn > 0 ? tiyn : null;
}

/** A field for an amount in tenge above zero; gives tiyn, null while it holds none. */
export function MoneyField(
  props: Omit<TypedProps, "onValue"> & { onValue: (tiyn: number | null) => void },
) {
  return (
    <TypedField
      {...props}
      read={(text) => (text === "" ? null : (readTenge(text) ?? undefined))}
      onValue={(tiyn) => props.onValue(tiyn ?? null)}
      first=""
      unit="₸"
    />
  );
}
