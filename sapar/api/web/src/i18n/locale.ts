/**
 * Numbers and dates in the page's language. Browsers need not know Kazakh: Chromium carries no
 * Kazakh data and writes "80.0%" and "M11 15". So Kazakh numbers go by the Russian rules, which are
 * the same, and Kazakh dates by the names below (Unicode CLDR's).
 */

const numberLocales = { kk: "ru-KZ", ru: "ru-KZ", en: "en-GB" } as const;
export type Locale = keyof typeof numberLocales;

const kk = {
  short: "қаң. ақп. нау. сәу. мам. мау. шіл. там. қыр. қаз. қар. жел.".split(" "),
  long: "қаңтар ақпан наурыз сәуір мамыр маусым шілде тамыз қыркүйек қазан қараша желтоқсан".split(
    " ",
  ),
  weekShort: "жс дс сс ср бс жм сб".split(" "),
  weekLong: "жексенбі дүйсенбі сейсенбі сәрсенбі бейсенбі жұма сенбі".split(" "),
} as const;

/** What `Intl` is asked with for a language's numbers, and for its dates but Kazakh ones. */
export function localeOf(language: string): string {
  return numberLocales[language as Locale] ?? language;
}

const formats = new Map<string, Intl.DateTimeFormat>();

function formatOf(locale: string, options: Intl.DateTimeFormatOptions): Intl.DateTimeFormat {
  const key = JSON.stringify([locale, options]);
  let found = formats.get(key);
  if (!found) {
    found = new Intl.DateTimeFormat(locale, { ...options, hourCycle: "h23" });
    formats.set(key, found);
  }
  return found;
}

/** A clock's time at a moment in a zone, "12:07" or "12:07:45": the same in all three languages. */
export function clockIn(unix_ms: number, zone: string, seconds = false): string {
  return formatOf("en-GB", {
    hour: "2-digit",
    minute: "2-digit",
    ...(seconds ? { second: "2-digit" } : {}),
    timeZone: zone,
  }).format(unix_ms);
}

export interface DateStyle {
  readonly month?: "short" | "long";
  readonly weekday?: "short" | "long";
  readonly year?: boolean;
}

/** A date, "20 Nov" or "Friday, 20 November 2026". */
export function dateIn(
  unix_ms: number,
  language: string,
  zone: string,
  style: DateStyle = {},
): string {
  const month = style.month ?? "short";
  if (language !== "kk") {
    return formatOf(localeOf(language), {
      day: "numeric",
      month,
      ...(style.weekday ? { weekday: style.weekday } : {}),
      ...(style.year ? { year: "numeric" } : {}),
      timeZone: zone,
    }).format(unix_ms);
  }
  const parts = formatOf("en-GB", {
    day: "numeric",
    month: "numeric",
    year: "numeric",
    timeZone: zone,
  }).formatToParts(unix_ms);
  const of = (kind: string): string => parts.find(({ type }) => type === kind)?.value ?? "";
  const [year, number, day] = [of("year"), Number(of("month")), of("day")];
  const name = kk[month][number - 1] ?? "";
  const date = style.year ? `${year} ж. ${day} ${name}` : `${day} ${name}`;
  if (!style.weekday) return date;
  const weekday = new Date(Date.UTC(Number(year), number - 1, Number(day))).getUTCDay();
  const names = style.weekday === "long" ? kk.weekLong : kk.weekShort;
  return style.weekday === "long" ? `${date}, ${names[weekday]}` : `${names[weekday]}, ${date}`;
}
