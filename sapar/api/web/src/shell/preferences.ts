/** What a person chose for this browser: language, theme, letter keys. */
import { effect } from "@preact/signals";
import { firstLanguage, type Language, language, t } from "../i18n";
import { entryOf } from "../rooms/registry";
import { place } from "./query";
import * as state from "./state";

const store = {
  read(name: string): string | null {
    try {
      return localStorage.getItem(`sapar.${name}`);
    } catch {
      return null; // storage may be forbidden; the page works without
    }
  },
  write(name: string, value: string): void {
    try {
      localStorage.setItem(`sapar.${name}`, value);
    } catch {
      // the choice then lasts as long as the page
    }
  },
};

export function chooseLanguage(chosen: Language): void {
  language.value = chosen;
  store.write("language", chosen);
}

export function chooseTheme(chosen: "dark" | "light"): void {
  state.theme.value = chosen;
  store.write("theme", chosen);
}

export function chooseLetters(on: boolean): void {
  state.lettersOn.value = on;
  store.write("letters", on ? "on" : "off");
}

/** Reads the choices and keeps the document in step with them. */
export function applyPreferences(): void {
  const asked = new URLSearchParams(location.search);
  language.value = firstLanguage(asked.get("lang"), store.read("language"), navigator.languages);
  state.lettersOn.value = store.read("letters") !== "off";
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const chosen = asked.get("theme") ?? store.read("theme");
  state.theme.value =
    chosen === "dark" || chosen === "light" ? chosen : dark.matches ? "dark" : "light";
  dark.addEventListener("change", () => {
    if (store.read("theme") === null) state.theme.value = dark.matches ? "dark" : "light";
  });
  effect(() => {
    document.documentElement.dataset["theme"] = state.theme.value;
    document.documentElement.lang = language.value;
    const room = entryOf(place.value.room);
    document.title = `${state.agency.value?.name ?? "Sapar"} · ${t(room?.name ?? "live")}`;
  });
}
