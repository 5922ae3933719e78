/** Fetching: the deployment, who is signed in, the network and the stream of states. */
import { computed, effect } from "@preact/signals";
import { keepDirections } from "../data/fleet";
import { firstLink, follow } from "../data/link";
import { emptyNetwork, type NetworkDocument, readNetwork } from "../data/network";
import type { Deployment } from "../data/types";
import { followTrail } from "../vehicle/trail";
import { followActivity } from "./again";
import { followAlarms } from "./alarms";
import { askWhoIAm, may, signedOut } from "./me";
import { go, keepAddress } from "./query";
import { followRinging } from "./ring";
import { followRooms } from "./rooms";
import * as state from "./state";

const retry_ms = 3000;

const renew_ms = 60_000;

async function fetchOk(url: string): Promise<Response> {
  const response = await fetch(url);
  if (response.ok) return response;
  const body = (await response.json().catch(() => null)) as { error?: { code?: string } } | null;
  throw new Error(body?.error?.code ?? `http_${response.status}`);
}

/** Starts everything that runs as long as the page. */
export function start(): void {
  setInterval(() => {
    state.ticker.value = performance.now();
  }, 1000);
  void loadDeployment();
  effect(() => {
    const id = state.agencyId.value;
    if (id === null) return;
    void loadMe(id);
    return openAgency(id);
  });
  const seesLive = computed(() => may("viewer"));
  effect(() => {
    const id = state.agencyId.value;
    if (id !== null && seesLive.value) return followLive(id);
  });
  followActivity(() => state.agencyId.peek());
  followAlarms();
  followTrail();
  followRinging();
  keepAddress();
  followRooms();
}

async function loadDeployment(): Promise<void> {
  try {
    const found = (await (await fetchOk("/api/agencies.json")).json()) as Deployment;
    state.deployment.value = found;
    if (found.agencies.length > 0) return;
  } catch {
    state.link.value = { ...state.link.value, reachable: false };
  }
  setTimeout(() => void loadDeployment(), retry_ms);
}

async function loadMe(id: string): Promise<void> {
  try {
    await askWhoIAm(`/${id}`);
  } catch {
    if (id === state.agencyId.peek()) setTimeout(() => void loadMe(id), retry_ms);
  }
}

function openAgency(id: string): () => void {
  let open = true;
  state.network.value = emptyNetwork;
  state.networkState.value = "loading";

  // Asked for again from time to time: a new timetable changes the tag, and then the map.
  let tag: string | null = null;
  async function loadNetwork(): Promise<void> {
    try {
      const response = await fetchOk(`/${id}/api/network.geojson`);
      if (!open) return;
      if (tag === null || response.headers.get("ETag") !== tag) {
        const document = (await response.json()) as NetworkDocument;
        if (!open) return;
        tag = response.headers.get("ETag");
        state.network.value = readNetwork(document);
        state.networkState.value = "ready";
      }
      setTimeout(() => open && void loadNetwork(), renew_ms);
    } catch (error) {
      if (!open) return;
      if (tag === null)
        state.networkState.value = error instanceof Error ? error.message : "unknown";
      setTimeout(() => open && void loadNetwork(), retry_ms);
    }
  }

  void loadNetwork();
  return () => {
    open = false;
  };
}

/** Fills the live signals; a replay takes them over without ending the link. */
function followLive(id: string): () => void {
  let open = true;
  state.fleet.value = null;
  state.desk.value = null;
  state.live.value = { fleet: null, desk: null };
  state.link.value = firstLink;
  const stop = follow(`/${id}`, {
    onFleet: (fleet) => {
      if (!open) return;
      const known = keepDirections(state.live.peek().fleet, fleet);
      state.live.value = { ...state.live.peek(), fleet: known };
      if (!state.replaying.peek()) state.fleet.value = known;
    },
    onConsole: (desk) => {
      if (!open) return;
      state.live.value = { ...state.live.peek(), desk };
      if (!state.replaying.peek()) state.desk.value = desk;
    },
    onDesk: (list) => {
      if (open) state.changes[list].value += 1;
    },
    onLink: (change) => {
      if (!open) return;
      state.link.value = change(state.link.peek());
      state.ticker.value = performance.now();
    },
    onRefused: (status) => {
      if (open && status === 401) signedOut();
    },
  });
  return () => {
    open = false;
    stop();
  };
}

/** Opens another city: its own selection starts anew. */
export function switchAgency(id: string): void {
  go({ agency: id }, { bus: null, route: null, stop: null });
}
