import { effect, signal } from "@preact/signals";
import { useRef } from "preact/hooks";
import { type Hit, search } from "../domain/search";
import { t } from "../i18n";
import { go } from "./query";
import { openRoom } from "./rooms";
import * as state from "./state";

const text = signal("");
const active = signal(0);
const open = signal(false);

/** Opens what was found: in the room on the screen when it can show it, else on the map. */
function choose(hit: Hit, input: HTMLInputElement | null): void {
  open.value = false;
  text.value = "";
  input?.blur();
  if (openRoom.value?.find?.(hit)) return;
  go({ room: "map" }, { view: null });
  const before = openRoom.peek();
  let stop = (): void => undefined;
  stop = effect(() => {
    const room = openRoom.value;
    if (room === before || room === null) return;
    queueMicrotask(() => {
      stop();
      room.find?.(hit);
    });
  });
}

/** One field for buses, routes and stops, as a combobox (WAI-ARIA). */
export function Search() {
  const input = useRef<HTMLInputElement>(null);
  const hits = open.value
    ? search(
        text.value,
        state.network.value,
        state.rows.value.map((row) => row.vehicle),
        state.deskNow.value.ghosts,
      )
    : [];
  const shown = open.value && text.value.trim() !== "";
  const at = Math.min(active.value, hits.length - 1);

  function onKeyDown(event: KeyboardEvent): void {
    if (event.code === "ArrowDown" || event.code === "ArrowUp") {
      event.preventDefault();
      const step = event.code === "ArrowDown" ? 1 : -1;
      active.value = Math.max(0, Math.min(hits.length - 1, at + step));
    } else if (event.code === "Enter") {
      const hit = hits[at];
      if (hit) choose(hit, input.current);
    } else if (event.code === "Escape") {
      open.value = false;
      input.current?.blur();
    }
  }

  return (
    <search class="search">
      <input
        ref={input}
        id="search"
        type="search"
        role="combobox"
        autocomplete="off"
        spellcheck={false}
        placeholder={t("search")}
        aria-label={t("searchTitle")}
        aria-expanded={shown}
        aria-controls="hits"
        aria-autocomplete="list"
        aria-activedescendant={shown && hits.length > 0 ? `hit-${at}` : undefined}
        value={text.value}
        onInput={(event) => {
          text.value = event.currentTarget.value;
          active.value = 0;
          open.value = true;
        }}
        onFocus={() => {
          open.value = true;
        }}
        onBlur={() => {
          open.value = false;
        }}
        onKeyDown={onKeyDown}
      />
      {!shown && (
        <span aria-hidden="true" class="slash">
          /
        </span>
      )}
      {shown && (
        <div class="hits" id="hits" role="listbox" aria-label={t("searchTitle")} tabIndex={-1}>
          {hits.map((hit, index) => (
            <div
              key={`${hit.kind}-${hit.id}`}
              id={`hit-${index}`}
              class="hit"
              role="option"
              tabIndex={-1}
              aria-selected={index === at}
              // Before the field loses the focus, which would close the list.
              onMouseDown={(event) => {
                event.preventDefault();
                choose(hit, input.current);
              }}
            >
              <span class="kind">{t(hit.kind)}</span>
              <span class="name">{hit.name}</span>
              <span class="note">{hit.note}</span>
            </div>
          ))}
          {hits.length === 0 && <p role="status">{t("searchNone", { text: text.value.trim() })}</p>}
        </div>
      )}
    </search>
  );
}
