/** The bar below the rooms during a replay: moment, play, pace, the day with its marks, the way back. */
import { useSignal, useSignalEffect } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { Switch } from "../kit/fields";
import { IconButton } from "../kit/icon";
import { clockText, dayText } from "../kit/when";
import * as state from "../shell/state";
import "./bar.css";
import { dayAround } from "./day";
import { t } from "./messages";
import { knownAs } from "./moment";
import * as player from "./player";
import { momentText, readMoment } from "./typed";

const renew_ms = 60_000;

export function Bar() {
  useEffect(player.play, []);
  useEffect(listen, []);
  useMarks();
  const playing = player.playing.value;
  return (
    <section class="replay-bar" aria-label={t("bar")}>
      <div class="replay-row">
        <strong>{t("replay")}</strong>
        <Moment />
        <div class="replay-buttons">
          <IconButton icon="first" title={t("back60")} onClick={() => player.seekBy(-60)} />
          <IconButton icon="left" title={`${t("back10")} (←)`} onClick={() => player.seekBy(-10)} />
          <IconButton
            icon={playing ? "pause" : "play"}
            title={`${t(playing ? "pause" : "play")} (Space)`}
            onClick={player.toggle}
          />
          <IconButton icon="right" title={`${t("on10")} (→)`} onClick={() => player.seekBy(10)} />
          <IconButton icon="last" title={t("on60")} onClick={() => player.seekBy(60)} />
        </div>
        <Switch
          label={t("speed")}
          value={player.speed.value}
          choices={player.speeds.map((value) => ({ value, name: `×${value}` }))}
          onValue={(value) => {
            player.speed.value = value;
          }}
        />
        <span title={t("asTitle")}>
          <Switch
            label={t("as")}
            value={knownAs.value}
            choices={[
              { value: "was", name: t("was") },
              { value: "known", name: t("known") },
            ]}
            onValue={(value) => {
              knownAs.value = value;
            }}
          />
        </span>
        <Waiting />
        <button type="button" class="primary" onClick={player.goLive} title="L">
          {t("live")}
        </button>
      </div>
      <Timeline />
    </section>
  );
}

/** The moment, large; a time can be typed instead of dragged. */
function Moment() {
  const zone = state.agency.value?.timezone ?? "UTC";
  const wrong = useSignal(false);
  const at_s = player.at.value;
  return (
    <label class="replay-moment">
      <span class="hidden">{t("time")}</span>
      <input
        type="text"
        inputMode="numeric"
        autocomplete="off"
        size={19}
        aria-invalid={wrong.value}
        title={t("typed")}
        value={momentText(at_s, zone)}
        onFocus={() => {
          if (player.playing.peek()) player.pause();
        }}
        onChange={(event) => {
          const to_s = readMoment(event.currentTarget.value, at_s, zone);
          wrong.value = to_s === null;
          if (to_s !== null) player.seek(to_s);
        }}
      />
    </label>
  );
}

/** Says which minute play waits for, or why it cannot be had. */
function Waiting() {
  const minute = player.missing.value;
  const failed = player.failure.value;
  const time = clockText(minute ?? player.at.value, false);
  const text =
    minute === null
      ? ""
      : failed
        ? t("failed", { time, code: failed.code })
        : t("waiting", { time });
  return (
    <span class="replay-waiting" role="status">
      {text}
    </span>
  );
}

function useMarks(): void {
  useSignalEffect(() => {
    const at_s = player.at.value;
    const zone = state.agency.value?.timezone ?? null;
    const held = player.marks.peek();
    if (at_s === 0 || zone === null) return;
    if (held && held.from_s <= at_s && at_s < held.until_s) return;
    const [from_s, until_s] = dayAround(at_s, zone);
    const stop = new AbortController();
    player.marks.value = { from_s, until_s, bin_s: 300, heard: [], alarms: [] };
    void player.loadMarks(from_s, until_s, stop.signal).catch(() => undefined);
  });
  useEffect(() => {
    const stop = new AbortController();
    const timer = setInterval(() => {
      const held = player.marks.peek();
      if (held && held.until_s > player.latest()) {
        void player.loadMarks(held.from_s, held.until_s, stop.signal).catch(() => undefined);
      }
    }, renew_ms);
    return () => {
      stop.abort();
      clearInterval(timer);
      player.marks.value = null;
    };
  }, []);
}

function Timeline() {
  const held = player.marks.value;
  if (!held) return <div class="replay-line" />;
  const length_s = held.until_s - held.from_s;
  const share = (unix_s: number): number => (1000 * (unix_s - held.from_s)) / length_s;
  const hours = Math.round(length_s / 3600);
  const heard = held.heard.filter(Boolean).length;
  return (
    <div class="replay-line">
      <svg viewBox="0 0 1000 24" preserveAspectRatio="none" aria-hidden="true">
        {spans(held.heard).map(([from, to]) => (
          <rect
            key={from}
            class="heard"
            x={share(held.from_s + from * held.bin_s)}
            width={Math.max(
              1,
              share(held.from_s + to * held.bin_s) - share(held.from_s + from * held.bin_s),
            )}
            y="9"
            height="6"
          />
        ))}
        {held.alarms.map((alarm) => (
          <rect
            key={`${alarm.kind} ${alarm.vehicle_id} ${alarm.route_id} ${alarm.raised_s}`}
            class={`alarm alarm-${alarm.priority}`}
            x={share(alarm.raised_s)}
            width="1.6"
            y={alarm.priority === 1 ? 0 : alarm.priority === 2 ? 3 : 5}
            height={alarm.priority === 1 ? 24 : alarm.priority === 2 ? 18 : 4}
          />
        ))}
      </svg>
      <input
        type="range"
        aria-label={`${dayText(player.at.value)}: ${t("timeline", {
          heard,
          all: held.heard.length,
          alarms: held.alarms.length,
        })}`}
        aria-valuetext={clockText(player.at.value)}
        min={held.from_s}
        max={Math.max(held.from_s + 1, Math.min(held.until_s, player.latest()))}
        step={1}
        value={player.at.value}
        style={{
          width: `${(100 * (Math.min(held.until_s, player.latest()) - held.from_s)) / length_s}%`,
        }}
        onInput={(event) => player.seek(Number(event.currentTarget.value))}
      />
      <div class="replay-hours" aria-hidden="true">
        {Array.from({ length: Math.floor(hours / 3) + 1 }, (_, n) => (
          <span key={n} style={{ left: `${(100 * n * 10_800) / length_s}%` }}>
            {clockText(held.from_s + n * 10_800, false)}
          </span>
        ))}
      </div>
    </div>
  );
}

/** Runs of spans in which something was heard, as [first, behind the last]. */
export function spans(heard: readonly boolean[]): readonly (readonly [number, number])[] {
  const found: (readonly [number, number])[] = [];
  let begin = -1;
  [...heard, false].forEach((on, n) => {
    if (on && begin < 0) begin = n;
    if (!on && begin >= 0) {
      found.push([begin, n]);
      begin = -1;
    }
  });
  return found;
}

/** Space, arrows and L, wherever no field or button has them for itself. */
function listen(): () => void {
  const press = (event: KeyboardEvent): void => {
    const target = event.target instanceof HTMLElement ? event.target : null;
    if (event.defaultPrevented || event.ctrlKey || event.altKey || event.metaKey) return;
    if (target?.matches("input, textarea, select, [contenteditable]")) return;
    if (document.querySelector("dialog[open]")) return;
    const far = event.shiftKey ? 60 : 10;
    if (event.code === "Space" && !target?.matches("button, a")) player.toggle();
    else if (event.code === "ArrowLeft") player.seekBy(-far);
    else if (event.code === "ArrowRight") player.seekBy(far);
    else if (event.code === "KeyL" && state.lettersOn.peek() && !event.shiftKey) player.goLive();
    else return;
    event.preventDefault();
  };
  addEventListener("keydown", press);
  return () => removeEventListener("keydown", press);
}
