/** What a hidden password does not show: Caps Lock, and the layout that is on. */

export type Layout = "kk" | "ru" | "en";

const kazakh = /[әғқңөұүһі]/iu;
const cyrillic = /\p{Script=Cyrillic}/u;
const latin = /\p{Script=Latin}/u;

/** The layout that typed the last letter of a text; null when it has none. */
export function layoutOf(text: string): Layout | null {
  for (const letter of [...text].reverse()) {
    if (kazakh.test(letter)) return "kk";
    if (cyrillic.test(letter)) return "ru";
    if (latin.test(letter)) return "en";
  }
  return null;
}
