/**
 * The part of ICU MessageFormat that the pages use: `{name}`,
 * `{name, plural, =0 {no bus} one {# bus} other {# buses}}` with `#` for the number, and
 * `{name, select, late {too late} other {in time}}`. Whole sentences are translated; nothing is
 * glued together from pieces.
 */

import { localeOf } from "./locale";

export type Values = Readonly<Record<string, string | number>>;

type Part =
  | { readonly kind: "text"; readonly text: string }
  | { readonly kind: "value"; readonly name: string }
  | { readonly kind: "count" }
  | {
      readonly kind: "plural" | "select";
      readonly name: string;
      readonly forms: Readonly<Record<string, Message>>;
    };
type Message = readonly Part[];

const parsed = new Map<string, Message>();

/** Gives `message` in `locale` with its values put in; throws on a message that is not well formed. */
export function format(message: string, locale: string, values: Values = {}): string {
  let parts = parsed.get(message);
  if (!parts) {
    parts = parse(message);
    parsed.set(message, parts);
  }
  return render(parts, locale, values, undefined);
}

/** Names of all values that a message uses. */
export function namesIn(message: string): Set<string> {
  const names = new Set<string>();
  const visit = (parts: Message): void => {
    for (const part of parts) {
      if (part.kind === "text" || part.kind === "count") continue;
      names.add(part.name);
      if (part.kind !== "value") Object.values(part.forms).forEach(visit);
    }
  };
  visit(parse(message));
  return names;
}

function render(parts: Message, locale: string, values: Values, count: number | undefined): string {
  let text = "";
  for (const part of parts) {
    if (part.kind === "text") text += part.text;
    else if (part.kind === "count") text += numberIn(locale, count ?? 0);
    else if (part.kind === "value") {
      const value = need(values, part.name);
      text += typeof value === "number" ? numberIn(locale, value) : value;
    } else if (part.kind === "select") {
      const form = part.forms[String(need(values, part.name))] ?? part.forms["other"];
      if (!form) throw new Error(`select of ${part.name} has no form "other"`);
      text += render(form, locale, values, count);
    } else {
      const value = Number(need(values, part.name));
      const form =
        part.forms[`=${value}`] ?? part.forms[rules(locale).select(value)] ?? part.forms["other"];
      if (!form) throw new Error(`plural of ${part.name} has no form "other"`);
      text += render(form, locale, values, value);
    }
  }
  return text;
}

function need(values: Values, name: string): string | number {
  const value = values[name];
  if (value === undefined) throw new Error(`message needs a value for ${name}`);
  return value;
}

const pluralRules = new Map<string, Intl.PluralRules>();
function rules(locale: string): Intl.PluralRules {
  let found = pluralRules.get(locale);
  if (!found) {
    found = new Intl.PluralRules(locale);
    pluralRules.set(locale, found);
  }
  return found;
}

const numberFormats = new Map<string, Intl.NumberFormat>();
function numberIn(locale: string, value: number): string {
  let found = numberFormats.get(locale);
  if (!found) {
    found = new Intl.NumberFormat(localeOf(locale), { maximumFractionDigits: 1 });
    numberFormats.set(locale, found);
  }
  return found.format(value);
}

function parse(message: string): Message {
  let at = 0;

  function sequence(inside: "plural" | "select" | null): Part[] {
    const parts: Part[] = [];
    let text = "";
    const flush = (): void => {
      if (text) parts.push({ kind: "text", text });
      text = "";
    };
    while (at < message.length) {
      const character = message[at];
      if (character === "}") {
        if (!inside) throw new Error(`unexpected } in "${message}"`);
        break;
      }
      if (character === "{") {
        flush();
        parts.push(argument());
      } else if (character === "#" && inside === "plural") {
        flush();
        parts.push({ kind: "count" });
        at += 1;
      } else {
        text += character;
        at += 1;
      }
    }
    flush();
    return parts;
  }

  function argument(): Part {
    const match = /^\{\s*(\w+)\s*(?:\}|,\s*(plural|select)\s*,)/.exec(message.slice(at));
    if (!match?.[1]) throw new Error(`cannot read the argument at ${at} in "${message}"`);
    at += match[0].length;
    if (!match[2]) return { kind: "value", name: match[1] };
    const kind = match[2] === "plural" ? "plural" : "select";
    const forms: Record<string, Message> = {};
    for (;;) {
      const form = /^\s*(=\d+|\w+)\s*\{/.exec(message.slice(at));
      if (!form?.[1]) break;
      at += form[0].length;
      forms[form[1]] = sequence(kind);
      if (message[at] !== "}") throw new Error(`form ${form[1]} is not closed in "${message}"`);
      at += 1;
    }
    const end = /^\s*\}/.exec(message.slice(at));
    if (!end || !forms["other"]) throw new Error(`${kind} is not complete in "${message}"`);
    at += end[0].length;
    return { kind, name: match[1], forms };
  }

  return sequence(null);
}
