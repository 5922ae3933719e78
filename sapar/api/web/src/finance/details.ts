/** What an exception says of itself, in the reader's language: the server writes it in English. */
import { words } from "../i18n";
import { moneyText } from "../kit/money";
import { numberText } from "../kit/when";

const t = words({
  en: {
    short: "{who} paid {sum} too little for {what}",
    over: "{who} paid {sum} too much for {what}",
    kept_more: "{sum} more was kept of {what} than agreed",
    kept_less: "{sum} less was kept of {what} than agreed",
    missing_on_server: "The validator counted {n} more than came: {sum}{of}",
    missing_on_device: "{n} more came than the validator counted: {sum}{of}",
    amount_mismatch: "As many came, and the sums differ by {sum}{of}",
    total_break: "Grand totals do not go on: {n}, {sum}",
    of: " ({product})",
    taps: "{n, plural, one {# tap} other {# taps}}",
    denied: "denied",
    nothing: "Nothing explains it",
    no_statement: "No statement covers {day}",
  },
  ru: {
    short: "{who}: внесено на {sum} меньше за {what}",
    over: "{who}: внесено на {sum} больше за {what}",
    kept_more: "По {what} удержано на {sum} больше, чем договорено",
    kept_less: "По {what} удержано на {sum} меньше, чем договорено",
    missing_on_server: "Валидатор насчитал больше, чем пришло, на {n}: {sum}{of}",
    missing_on_device: "Пришло больше, чем насчитал валидатор, на {n}: {sum}{of}",
    amount_mismatch: "Число совпадает, а суммы расходятся на {sum}{of}",
    total_break: "Нарастающий итог не продолжается: {n}, {sum}",
    of: " ({product})",
    taps: "{n, plural, one {# поездку} few {# поездки} many {# поездок} other {# поездки}}",
    denied: "отказано",
    nothing: "Ничем не объяснено",
    no_statement: "Нет выписки за {day}",
  },
  kk: {
    short: "{who}: {what} үшін {sum} кем төленген",
    over: "{who}: {what} үшін {sum} артық төленген",
    kept_more: "{what} бойынша келісілгеннен {sum} артық ұсталған",
    kept_less: "{what} бойынша келісілгеннен {sum} кем ұсталған",
    missing_on_server: "Валидатор санағаны келгеннен {n} артық: {sum}{of}",
    missing_on_device: "Келгені валидатор санағаннан {n} артық: {sum}{of}",
    amount_mismatch: "Саны бірдей, сомасы {sum} айырма береді{of}",
    total_break: "Жиынтық сан жалғаспайды: {n}, {sum}",
    of: " ({product})",
    taps: "{n, plural, one {# сапар} other {# сапар}}",
    denied: "бас тартылған",
    nothing: "Ештеңе түсіндірмейді",
    no_statement: "{day} күніне үзінді жоқ",
  },
});

const shift =
  /^(missing_on_server|missing_on_device|amount_mismatch|total_break)(?: (.+))?: ([+-]\d+) taps, ([+-]\d+) tiyn$/;
const paid = /^(.+) paid (\d+\.\d\d) too (little|much) for (.+)$/;
const kept = /^(\d+\.\d\d) (more|less) was kept of (.+) than agreed$/;
const uncovered = /^no statement covers (\S+)$/;

/** Tiyn of `15000.00`, digit by digit. */
function tiyn(tenge: string): number {
  return Number(tenge.replace(".", ""));
}

/** A detail in words; as the server wrote it where it is of another form. */
export function detailText(detail: string): string {
  const parts = detail.split("; ").map(partText);
  return parts.some((one) => one === null) ? detail : parts.join("; ");
}

function partText(text: string): string | null {
  const [, who, sum, way, what] = paid.exec(text) ?? [];
  if (who !== undefined && sum !== undefined && what !== undefined) {
    return t(way === "little" ? "short" : "over", { who, sum: moneyText(tiyn(sum)), what });
  }
  const [, held, more, of] = kept.exec(text) ?? [];
  if (held !== undefined && of !== undefined) {
    const values = { sum: moneyText(tiyn(held)), what: of };
    return t(more === "more" ? "kept_more" : "kept_less", values);
  }
  const [, day] = uncovered.exec(text) ?? [];
  if (day !== undefined) return t("no_statement", { day });
  if (text === "nothing explains it") return t("nothing");
  return shiftText(text);
}

function shiftText(text: string): string | null {
  const [, code, product, taps, sum] = shift.exec(text) ?? [];
  if (code === undefined || taps === undefined || sum === undefined) return null;
  const n = Math.abs(Number(taps));
  return t(code as "missing_on_server", {
    n: code === "total_break" ? numberText(Number(taps)) : t("taps", { n }),
    sum: moneyText(code === "total_break" ? Number(sum) : Math.abs(Number(sum))),
    of:
      product === undefined
        ? ""
        : t("of", { product: product === "denied" ? t("denied") : product }),
  });
}
