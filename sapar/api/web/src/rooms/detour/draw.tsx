import { useState } from "preact/hooks";
import { openAct } from "../../desk/acting";
import type { LedLine, Point } from "../../desk/types";
import { SelectField, TextArea, TextField } from "../../kit/fields";
import { IconButton } from "../../kit/icon";
import { numberText } from "../../kit/when";
import * as state from "../../shell/state";
import { stopName, stopNames } from "../acts/about";
import { Warnings } from "../acts/effect";
import type { Looked } from "../acts/looking";
import {
  back,
  blank,
  draw,
  drawing,
  forth,
  history,
  lengthOf,
  readPath,
  removeLast,
  writePath,
} from "./drawing";
import { t } from "./messages";
import { useDirections } from "./route";
import { direction, route, step } from "./stage";

/** Second step: the way round, by clicks, by stops or by coordinates. */
export function DrawStep({ looked }: { looked: Looked }) {
  const { path } = drawing.value;
  const lines = looked.preview?.lines ?? [];
  return (
    <form
      class="detour-step"
      onSubmit={(event) => {
        event.preventDefault();
        if (lines.length > 0) step.value = "check";
      }}
    >
      {path.length === 0 && <p>{t("howTo")}</p>}
      <div class="detour-tools">
        <span aria-live="polite">
          {t("points", { n: path.length, metres: numberText(lengthOf(path)) })}
        </span>
        <IconButton
          icon="undo"
          title={t("undo")}
          disabled={history.value.past.length === 0}
          onClick={() => {
            history.value = back(history.value);
          }}
        />
        <IconButton
          icon="right"
          title={t("redo")}
          disabled={history.value.future.length === 0}
          onClick={() => {
            history.value = forth(history.value);
          }}
        />
        <IconButton
          icon="minus"
          title={t("removeLast")}
          disabled={path.length === 0}
          onClick={removeLast}
        />
        <IconButton
          icon="trash"
          title={t("clear")}
          disabled={path.length === 0}
          onClick={() => draw(blank)}
        />
      </div>
      {looked.error && <p role="alert">{looked.error.message}</p>}
      {looked.preview && <Warnings of={looked.preview} />}
      <div aria-live="polite" class="detour-lines">
        {lines.map((line) => (
          <Line key={`${line.direction} ${line.headsign}`} line={line} />
        ))}
      </div>
      <ByStops />
      <ByText key={writePath(path)} />
      <footer>
        <button
          type="button"
          onClick={() => {
            step.value = "route";
          }}
        >
          {t("back")}
        </button>
        <button type="submit" class="primary" disabled={lines.length === 0}>
          {t("next")}
        </button>
      </footer>
    </form>
  );
}

/** How one line is led. */
export function Line({ line }: { line: LedLine }) {
  const more_m = line.path_m - line.replaced_m;
  const named = (id: string | null): string => (id === null ? t("lineEnd") : stopName(id));
  return (
    <div class="detour-line">
      <strong>{t("toward", { headsign: line.headsign })}</strong>
      <p>
        {t("leaving", { stop: named(line.leave_stop_id) })},{" "}
        {t("joining", { stop: named(line.join_stop_id) })} ·{" "}
        {t(more_m >= 0 ? "longer" : "shorter", { metres: Math.abs(more_m) })}
      </p>
      <p>
        {line.missed.length === 0
          ? t("missedNone")
          : `${t("missed")}: ${stopNames(line.missed, 12)}`}
      </p>
    </div>
  );
}

function placeOf(id: string): Point | null {
  const stop = state.network.value.stopById.get(id);
  return stop ? [stop.lat, stop.lon] : null;
}

/** For those who do not click on maps: from one stop of the line over others to a later one. */
function ByStops() {
  const directions = useDirections(route.value);
  const [leave, setLeave] = useState("");
  const [join, setJoin] = useState("");
  const [via, setVia] = useState<readonly string[]>([]);
  const [wanted, setWanted] = useState("");
  const shown = directions.find((one) => one.direction === (direction.value ?? 0)) ?? directions[0];
  if (!shown) return null;
  const stops = shown.stops.map(({ stop_id }) => ({ value: stop_id, name: stopName(stop_id) }));
  const at = stops.findIndex((one) => one.value === leave);
  const to = stops.findIndex((one) => one.value === join);
  const between = at >= 0 && to > at ? stops.slice(at + 1, to).map((one) => one.value) : [];
  const found = state.network.value.stops.find((one) => `${one.name} · ${one.id}` === wanted);
  const path = [leave, ...via, join].map(placeOf);
  const whole = at >= 0 && to > at && path.every((point) => point !== null);
  return (
    <details>
      <summary>{t("byStops")}</summary>
      <div class="detour-inner">
        <SelectField
          label={t("leaveAfter")}
          none="–"
          value={leave}
          onValue={setLeave}
          choices={stops}
        />
        <SelectField
          label={t("joinAt")}
          none="–"
          value={join}
          onValue={setJoin}
          choices={at < 0 ? stops : stops.slice(at + 1)}
        />
        <div class="detour-via">
          <TextField
            label={t("via")}
            hint={t("viaHint")}
            value={wanted}
            onValue={setWanted}
            options={state.network.value.stops.map((one) => `${one.name} · ${one.id}`)}
          />
          <button
            type="button"
            disabled={!found}
            onClick={() => {
              if (found) setVia([...via, found.id]);
              setWanted("");
            }}
          >
            {t("addVia")}
          </button>
        </div>
        {via.map((id, number) => (
          <p key={`${id} ${number}`} class="detour-passed">
            {stopName(id)}
            <IconButton
              icon="close"
              bare
              title={t("removeLast")}
              onClick={() => setVia(via.filter((_one, n) => n !== number))}
            />
          </p>
        ))}
        <div class="act-buttons">
          <button
            type="button"
            disabled={!whole}
            onClick={() => draw({ path: path.filter((point) => point !== null) })}
          >
            {t("apply")}
          </button>
          <button
            type="button"
            disabled={between.length === 0}
            onClick={() => openAct({ kind: "skip", route_id: route.value, stop_ids: between })}
          >
            {t("cannotDraw")}
          </button>
        </div>
      </div>
    </details>
  );
}

function ByText() {
  const [text, setText] = useState(() => writePath(drawing.value.path));
  const read = readPath(text);
  const bad = typeof read === "number";
  return (
    <details>
      <summary>{t("asText")}</summary>
      <div class="detour-inner">
        <TextArea
          label={t("asText")}
          hint={t("asTextHint")}
          error={bad ? t("badText", { line: read }) : null}
          rows={5}
          value={text}
          onValue={setText}
        />
        <button
          type="button"
          disabled={bad || read.length < 2}
          onClick={() => {
            if (!bad) draw({ path: read });
          }}
        >
          {t("apply")}
        </button>
      </div>
    </details>
  );
}
