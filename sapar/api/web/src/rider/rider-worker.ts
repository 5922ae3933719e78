/**
 * The service worker: the page opens without a network, with what it knew. The API serves this file
 * at /rider/sw.js with `self.SAPAR` before it: the files of this build.
 *
 * Pages come from the network while it answers, then from here; files of the build never change, so
 * they come from here. What the API says is not kept here: the page keeps the boards it has shown,
 * each with its time.
 */

interface Told {
  readonly base: string;
  readonly files: readonly string[];
  readonly version: string;
}

interface Extendable extends Event {
  waitUntil(work: Promise<unknown>): void;
}

interface Fetching extends Extendable {
  readonly request: Request;
  respondWith(answer: Promise<Response>): void;
}

interface Clicked extends Extendable {
  readonly notification: Notification;
}

interface PageClient {
  readonly url: string;
  focus(): Promise<PageClient>;
  navigate(url: string): Promise<PageClient | null>;
}

interface Scope {
  readonly SAPAR: Told;
  readonly clients: {
    matchAll(options: object): Promise<readonly PageClient[]>;
    openWindow(url: string): Promise<PageClient | null>;
    claim(): Promise<void>;
  };
  skipWaiting(): Promise<void>;
  addEventListener(name: "install" | "activate", listener: (event: Extendable) => void): void;
  addEventListener(name: "fetch", listener: (event: Fetching) => void): void;
  addEventListener(name: "notificationclick", listener: (event: Clicked) => void): void;
}

const scope = self as unknown as Scope;
const told = scope.SAPAR;
const home = `${told.base}/rider`;
const prefix = `sapar-rider${told.base}-`;
const kept = prefix + told.version;
const patience_ms = 6000;

scope.addEventListener("install", (event) => {
  const fill = async () => {
    const cache = await caches.open(kept);
    await cache.addAll([home, ...told.files]);
    await scope.skipWaiting();
  };
  event.waitUntil(fill());
});

scope.addEventListener("activate", (event) => {
  const tidy = async () => {
    const names = await caches.keys();
    const old = names.filter((name) => name.startsWith(prefix) && name !== kept);
    await Promise.all(old.map((name) => caches.delete(name)));
    await scope.clients.claim();
  };
  event.waitUntil(tidy());
});

scope.addEventListener("fetch", (event) => {
  const { request } = event;
  const url = new URL(request.url);
  if (request.method !== "GET" || url.origin !== location.origin) return;
  if (request.mode === "navigate" && url.pathname.startsWith(home)) {
    event.respondWith(page(request));
  } else if (url.pathname.startsWith("/assets/") || url.pathname.startsWith(`${home}/icon`)) {
    event.respondWith(file(request));
  }
});

/** The page from the network, or the one that is kept, which reads its view from the address. */
async function page(request: Request): Promise<Response> {
  const cache = await caches.open(kept);
  try {
    const answer = await fetch(request, { signal: AbortSignal.timeout(patience_ms) });
    if (answer.status < 500) return answer;
  } catch {
    // no network: below
  }
  return (await cache.match(home, { ignoreVary: true })) ?? fetch(request);
}

async function file(request: Request): Promise<Response> {
  const cache = await caches.open(kept);
  const found = await cache.match(request, { ignoreVary: true });
  if (found) return found;
  const answer = await fetch(request);
  if (answer.ok) await cache.put(request, answer.clone());
  return answer;
}

scope.addEventListener("notificationclick", (event) => {
  event.notification.close();
  const { url } = event.notification.data as { url: string };
  const open = async () => {
    const pages = await scope.clients.matchAll({ type: "window", includeUncontrolled: true });
    const found = pages.find((one) => new URL(one.url).pathname.startsWith(home));
    if (!found) return scope.clients.openWindow(url);
    await found.focus();
    return found.navigate(url);
  };
  event.waitUntil(open());
});
