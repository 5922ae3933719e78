/** Fetching: the deployment, the network and the stream of states; and keeping the address. */
import { effect } from "@preact/signals";
import { keepDirections } from "../data/fleet";
import { firstLink, follow } from "../data/link";
import { emptyNetwork, type NetworkDocument, readNetwork } from "../data/network";
import type { Deployment } from "../data/types";
import { writeQuery } from "./address";
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
    if (id !== null) return openAgency(id);
  });
  effect(keepAddress);
  addEventListener("popstate", () => location.reload());
}

async function loadDeployment(): Promise<void> {
  try {
    const found = (await (await fetchOk("/api/agencies.json")).json()) as Deployment;
    state.deployment.value = found;
    state.agencyId.value ??= found.default;
    if (found.agencies.length > 0) return;
  } catch {
    state.link.value = { ...state.link.value, reachable: false };
  }
  setTimeout(() => void loadDeployment(), retry_ms);
}

function openAgency(id: string): () => void {
  let open = true;
  state.network.value = emptyNetwork;
  state.networkState.value = "loading";
  state.fleet.value = null;
  state.link.value = firstLink;

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
  const stop = follow(`/${id}/api/fleet.json`, {
    onFleet: (fleet) => {
      if (open) state.fleet.value = keepDirections(state.fleet.value, fleet);
    },
    onLink: (change) => {
      if (!open) return;
      state.link.value = change(state.link.value);
      state.ticker.value = performance.now();
    },
  });
  return () => {
    open = false;
    stop();
  };
}

/** Opens another city: its own selection and view start anew. */
export function switchAgency(id: string): void {
  state.selected.value = null;
  state.hidden.value = new Set();
  state.view.value = null;
  state.agencyId.value = id;
  history.pushState(null, "", `/${id}/`);
}

function keepAddress(): void {
  const query = writeQuery(
    {
      agency: state.agencyId.value,
      bus: state.selected.value,
      question: state.question.value,
      list: state.listShown.value,
      exceptions: state.exceptionsOnly.value,
      hidden: [...state.hidden.value],
      hiddenPhases: [...state.hiddenPhases.value],
      at: state.view.value,
    },
    new URLSearchParams(location.search),
  );
  if (query !== location.search) {
    history.replaceState(null, "", location.pathname + query);
  }
}
