/** What the rider chose of the page, put into effect and kept. */
import { boot, type Language } from "./boot";
import { keep, type Size, size, type Theme, theme } from "./store";
import { language } from "./words";

const year_s = 31_536_000;
const rootSizes: Readonly<Record<Size, string>> = {
  normal: "100%",
  large: "125%",
  largest: "160%",
};

export function applyPreferences(): void {
  const root = document.documentElement;
  root.lang = language.value;
  if (theme.value === "auto") delete root.dataset["theme"];
  else root.dataset["theme"] = theme.value;
  root.style.fontSize = rootSizes[size.value];
}

export function chooseLanguage(chosen: Language): void {
  language.value = chosen;
  // biome-ignore lint/suspicious/noDocumentCookie: the server writes its words in this language
  document.cookie = `sapar_rider_lang=${chosen};path=${boot.base || "/"};max-age=${year_s};samesite=lax`;
  applyPreferences();
}

export function chooseTheme(chosen: Theme): void {
  theme.value = chosen;
  keep("theme", chosen);
  applyPreferences();
}

export function chooseSize(chosen: Size): void {
  size.value = chosen;
  keep("size", chosen);
  applyPreferences();
}
