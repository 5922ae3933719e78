/** Which view the address names, and going to another without loading the page again. */
import { computed, signal } from "@preact/signals";
import { boot } from "./boot";
import { language } from "./words";

export type View =
  | { readonly name: "home" }
  | { readonly name: "stop"; readonly id: string }
  | { readonly name: "bus"; readonly trip: string }
  | { readonly name: "alerts" }
  | { readonly name: "alert"; readonly id: string }
  | { readonly name: "report" }
  | { readonly name: "followed"; readonly code: string }
  | { readonly name: "card" }
  | { readonly name: "settings" };

/** Reads the view of a path below the city's own part. */
export function viewOf(path: string): View {
  const [, name, ...rest] = path.split("/").slice(1);
  const id = decode(rest.join("/"));
  if (name === "stop" && id) return { name, id };
  if (name === "bus" && id) return { name, trip: id };
  if (name === "alert" && id) return { name, id };
  if (name === "report") return id ? { name: "followed", code: id } : { name };
  if (name === "alerts" || name === "card" || name === "settings") return { name };
  return { name: "home" };
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

const here = signal(globalThis.location ? location.href : "http://localhost/rider");

export const view = computed(() => viewOf(new URL(here.value).pathname.slice(boot.base.length)));
export const query = computed(() => new URL(here.value).searchParams);

/** The address of a view: `hrefOf("stop", id)`. */
export function hrefOf(
  name: string,
  id = "",
  asked: Readonly<Record<string, string>> = {},
): string {
  const path = name === "home" ? "" : `/${name}${id === "" ? "" : `/${encodeURIComponent(id)}`}`;
  const parts = new URLSearchParams({ ...asked, lang: language.value });
  return `${boot.base}/rider${path}?${parts}`;
}

export function go(href: string, replace = false): void {
  history[replace ? "replaceState" : "pushState"](null, "", href);
  here.value = location.href;
}

/** Takes over links within the page, and the browser's back and forward. */
export function followLinks(): void {
  addEventListener("popstate", () => {
    here.value = location.href;
  });
  document.addEventListener("click", (event) => {
    const link = (event.target as Element).closest?.("a");
    const plain =
      event.button === 0 && !event.ctrlKey && !event.metaKey && !event.shiftKey && !event.altKey;
    if (!link || !plain || event.defaultPrevented || link.target || link.hasAttribute("download"))
      return;
    const url = new URL(link.href);
    if (url.origin !== location.origin || !url.pathname.startsWith(`${boot.base}/rider`)) return;
    event.preventDefault();
    go(link.href);
    document.querySelector("main")?.scrollTo(0, 0);
    requestAnimationFrame(() => document.querySelector<HTMLElement>("main h1")?.focus());
  });
}
