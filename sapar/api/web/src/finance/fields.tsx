/** Fields of the finance desk's forms: shares in percent, amounts that may be nothing. */
import { type Typed, TypedField, type TypedProps } from "../kit/fields";
import { readTenge } from "../kit/money";

/** Reads a percentage with at most two decimals as hundredths of a percent, exactly. */
export function readPercent(text: string): Typed {
  const plain = text.replace(/[\s\u00a0%]/g, "").replace(",", ".");
  if (plain === "") return null;
  const found = /^(\d{1,3})(?:\.(\d{1,2}))?$/.exec(plain);
  if (!found) return undefined;
  const points = Number(found[1]) * 100 + Number((found[2] ?? "").padEnd(2, "0"));
  return points <= 10_000 ? points : undefined;
}

/** Reads tenge exactly, nothing included. */
export function readAmount(text: string): Typed {
  const plain = text.replace(/[\s\u00a0₸]/g, "").replace(",", ".");
  if (plain === "") return null;
  return /^0{1,10}(?:\.0{1,2})?$/.test(plain) ? 0 : (readTenge(text) ?? undefined);
}

/** Reads a whole number that is not negative. */
export function readCount(text: string): Typed {
  const plain = text.trim();
  if (plain === "") return null;
  return /^\d{1,4}$/.test(plain) ? Number(plain) : undefined;
}

/** Writes hundredths of a hundred, "1234,50", as people type them; "" for none. */
export function hundredths(value: number | null): string {
  if (value === null) return "";
  const rest = value % 100;
  const part = rest === 0 ? "" : `,${String(rest).padStart(2, "0").replace(/0$/, "")}`;
  return `${(value - rest) / 100}${part}`;
}

interface Props extends TypedProps {
  readonly value: number | null;
}

/** A share, kept in hundredths of a percent. What the field begins with is `value`. */
export function PercentField(props: Props) {
  return <TypedField {...props} read={readPercent} first={hundredths(props.value)} unit="%" />;
}

/** An amount in tenge, kept in tiyn; it may be nothing. */
export function TengeField(props: Props) {
  return <TypedField {...props} read={readAmount} first={hundredths(props.value)} unit="₸" />;
}

/** A whole number of something. */
export function CountField(props: Props & { unit: string }) {
  const first = props.value === null ? "" : String(props.value);
  return <TypedField {...props} read={readCount} first={first} unit={props.unit} />;
}
