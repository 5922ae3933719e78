/** The page's words in its language. */
import { signal } from "@preact/signals";
import { format, type Values } from "../i18n/format";
import { boot, type Language } from "./boot";
import { en, type Key, type Words } from "./words/en";
import { kk } from "./words/kk";
import { ru } from "./words/ru";

export type { Key } from "./words/en";
export const all: Readonly<Record<Language, Words>> = { kk, ru, en };
export const language = signal<Language>(boot.language);

/** Gives a message in the page's language; components that call it follow a change. */
export function t(key: Key, values?: Values): string {
  return format(all[language.value][key], language.value, values);
}

/** Gives the message of a composed key, or of `other` when there is none of that name. */
export function named(prefix: string, name: string, other: Key): string {
  const key = `${prefix}_${name}`;
  return key in en ? t(key as Key) : t(other);
}

/** Picks the text of the page's language, or one that is there. */
export function translated(text: Readonly<Record<string, string>>): string {
  return (
    text[language.value] ?? text["ru"] ?? text["kk"] ?? text["en"] ?? Object.values(text)[0] ?? ""
  );
}
