import { signal } from "@preact/signals";
import { en, type Key, type Messages } from "./en";
import { format, type Values } from "./format";
import { kk } from "./kk";
import { ru } from "./ru";

export type Language = "kk" | "ru" | "en";
export const languages: readonly Language[] = ["kk", "ru", "en"];
export const messages: Readonly<Record<Language, Messages>> = { kk, ru, en };

/** The language of the page. */
export const language = signal<Language>("en");

/** Gives a message in the page's language; components that call it follow a change. */
export function t(key: Key, values?: Values): string {
  return format(messages[language.value][key], language.value, values);
}

/** The language to start with: asked for in the address, chosen earlier, or the browser's own. */
export function firstLanguage(
  asked: string | null,
  chosen: string | null,
  preferred: readonly string[],
): Language {
  for (const candidate of [asked, chosen, ...preferred]) {
    const short = candidate?.slice(0, 2).toLowerCase();
    const found = languages.find((one) => one === short);
    if (found) return found;
  }
  return "en";
}

export type { Key } from "./en";

/** A room's own messages: whole in all three languages, fetched with the room. */
export interface RoomWords<K extends string> {
  (key: K, values?: Values): string;
  readonly messages: Readonly<Record<Language, Readonly<Record<K, string>>>>;
}

/**
 * Makes the `t` of a room's messages: `export const t = words({ en: {…}, kk: {…}, ru: {…} })`.
 * English is the list of keys; a key that another language lacks or has alone does not compile.
 */
export function words<const E extends Readonly<Record<string, string>>>(all: {
  readonly en: E;
  readonly kk: { readonly [K in keyof NoInfer<E>]: string };
  readonly ru: { readonly [K in keyof NoInfer<E>]: string };
}): RoomWords<keyof E & string> {
  type K = keyof E & string;
  const messages = all as Readonly<Record<Language, Readonly<Record<K, string>>>>;
  const say = (key: K, values?: Values): string =>
    format(messages[language.value][key], language.value, values);
  return Object.assign(say, { messages });
}
