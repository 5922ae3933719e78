/** The first view: the rider's stops, those around, and a search. */
import { signal } from "@preact/signals";
import { go, hrefOf, query } from "../address";
import { ask, Failure } from "../api";
import { Chip, Icon, Loading, Notice, Title } from "../parts";
import { locate, type Trouble } from "../place";
import { distanceText } from "../say";
import { favourites, recent, type StopKept } from "../store";
import type { Stop } from "../types";
import { t } from "../words";

type List =
  | { readonly kind: "nothing" }
  | { readonly kind: "busy"; readonly words: string }
  | { readonly kind: "wrong"; readonly words: string }
  | { readonly kind: "found"; readonly stops: readonly Stop[]; readonly near: boolean };

const text = signal(query.value.get("q") ?? "");
const list = signal<List>({ kind: "nothing" });
let newest = 0;

async function show(words: string, work: () => Promise<List>): Promise<void> {
  newest += 1;
  const mine = newest;
  list.value = { kind: "busy", words };
  const found = await work().catch((error: unknown): List => {
    const why = error instanceof Failure ? t("failed", { why: error.words }) : t(error as Trouble);
    return { kind: "wrong", words: why };
  });
  if (mine === newest) list.value = found;
}

function search(): void {
  const q = text.value.trim();
  if (q === "") {
    list.value = { kind: "nothing" };
    return;
  }
  void show(t("searching"), async () => {
    const { stops } = await ask<{ stops: readonly Stop[] }>("/api/rider/stops", { q });
    return { kind: "found", stops, near: false };
  });
}

function near(): void {
  void show(t("locating"), async () => {
    const { lat, lon } = await locate();
    const { stops } = await ask<{ stops: readonly Stop[] }>("/api/rider/stops", { lat, lon });
    return { kind: "found", stops, near: true };
  });
}

export function Home() {
  return (
    <>
      <Title>{t("home")}</Title>
      <form
        class="search"
        role="search"
        onSubmit={(event) => {
          event.preventDefault();
          go(hrefOf("home", "", text.value.trim() === "" ? {} : { q: text.value.trim() }), true);
          search();
        }}
      >
        <label for="q">{t("searchLabel")}</label>
        <input
          id="q"
          type="search"
          autocomplete="off"
          enterkeyhint="search"
          value={text.value}
          onInput={(event) => {
            text.value = event.currentTarget.value;
          }}
        />
        <button type="submit" class="primary">
          {t("searchButton")}
        </button>
      </form>
      <button type="button" class="wide" onClick={near}>
        <Icon name="place" />
        {t("nearButton")}
      </button>
      <div aria-live="polite">
        <Found />
      </div>
      <section>
        <h2>{t("favourites")}</h2>
        {favourites.value.length === 0 ? (
          <p class="quiet">{t("favouritesNone")}</p>
        ) : (
          <Kept stops={favourites.value} />
        )}
      </section>
      {recent.value.length > 0 && (
        <section>
          <h2>{t("recent")}</h2>
          <Kept stops={recent.value} />
        </section>
      )}
    </>
  );
}

function Found() {
  const found = list.value;
  if (found.kind === "nothing") return null;
  if (found.kind === "busy")
    return (
      <>
        <p class="quiet">{found.words}</p>
        <Loading rows={3} />
      </>
    );
  if (found.kind === "wrong") return <Notice>{found.words}</Notice>;
  if (found.stops.length === 0)
    return (
      <Notice>{found.near ? t("nearNone") : t("foundNone", { text: text.value.trim() })}</Notice>
    );
  return (
    <section>
      <h2>{found.near ? t("nearTitle") : t("foundTitle")}</h2>
      <ul class="stops">
        {found.stops.map((stop) => (
          <li key={stop.id}>
            <a class="stop" href={hrefOf("stop", stop.id, { towards: stop.towards })}>
              <b>{stop.name}</b>
              {stop.distance_m !== null && <span class="far">{distanceText(stop.distance_m)}</span>}
              <span class="quiet">
                {stop.towards !== "" && t("towards", { stop: stop.towards })}
                {stop.wheelchair === "possible" && <Icon name="chair" />}
              </span>
              <span class="chips">
                {stop.routes.map((route) => (
                  <Chip key={route.route_id} route={route} />
                ))}
              </span>
            </a>
          </li>
        ))}
      </ul>
    </section>
  );
}

function Kept({ stops }: { stops: readonly StopKept[] }) {
  return (
    <ul class="stops">
      {stops.map((stop) => (
        <li key={stop.id}>
          <a class="stop" href={hrefOf("stop", stop.id, { towards: stop.towards })}>
            <b>{stop.name}</b>
            {stop.towards !== "" && (
              <span class="quiet">{t("towards", { stop: stop.towards })}</span>
            )}
          </a>
        </li>
      ))}
    </ul>
  );
}

/** A search that came in the address, from a link or from the page without script. */
export function startSearch(): void {
  if (text.value !== "") search();
}
