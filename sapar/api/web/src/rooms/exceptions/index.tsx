import { CheckField, DayField, Switch } from "../../kit/fields";
import { undoNewest } from "../../kit/toast";
import { clockText } from "../../kit/when";
import { mapCommands } from "../../map/commands";
import { listError, rate } from "../../shell/alarms";
import { acknowledge, takeOver } from "../../shell/answer";
import { may } from "../../shell/me";
import { go } from "../../shell/query";
import * as state from "../../shell/state";
import type { Room, RoomKey } from "../room";
import {
  chosen,
  day,
  group,
  groups,
  inStanding,
  letIn,
  type Shown,
  shown,
  step,
  waiting,
} from "./chosen";
import { target_rate } from "./lists";
import { t } from "./messages";
import { Past } from "./past";
import "./room.css";
import { t as say } from "../../i18n";
import { ShelveDialog, shelving } from "./shelving";
import { Standing } from "./standing";

function View() {
  return (
    <section class="page exceptions">
      <header>
        <h2>{t("title")}</h2>
        <Rate />
        <Choices />
        <div class="actions">
          {waiting.value > 0 && (
            <button type="button" class="primary" onClick={letIn}>
              {t("fresh", { n: waiting.value })}
            </button>
          )}
          {shown.value === "past" ? (
            <DayField
              label={t("day")}
              value={day.value ?? ""}
              onValue={(value) => {
                day.value = value || null;
              }}
            />
          ) : (
            <CheckField label={t("groups")} checked={groups.value} onChecked={group} />
          )}
        </div>
      </header>
      <Warnings />
      {shown.value === "past" ? <Past /> : <Standing />}
      <ShelveDialog />
    </section>
  );
}

function Rate() {
  const now = rate.value;
  const text = now === null ? t("rateUnknown") : t("rate", { n: now, target: target_rate });
  return <p class={`rate ${now !== null && now > target_rate ? "is-high" : ""}`}>{text}</p>;
}

function Choices() {
  const { open, acknowledged, shelved } = inStanding.value;
  return (
    <Switch<Shown>
      label={t("which")}
      value={shown.value}
      choices={[
        { value: "open", name: t("open", { n: open.length }) },
        { value: "acknowledged", name: t("acknowledged", { n: acknowledged.length }) },
        { value: "shelved", name: t("shelved", { n: shelved.length }) },
        { value: "past", name: t("past") },
      ]}
      onValue={(value) => {
        shown.value = value;
      }}
    />
  );
}

function Warnings() {
  const time_s = state.fleet.value?.time_s;
  return (
    <>
      {state.frozen.value && time_s !== undefined && (
        <p class="banner" role="alert">
          {t("frozen", { time: clockText(time_s) })}
        </p>
      )}
      {listError.value !== null && (
        <p class="stale" role="status">
          {t("noList", { why: listError.value })}
        </p>
      )}
    </>
  );
}

function withChosen(act: (row: NonNullable<typeof chosen.value>) => void): () => void {
  return () => {
    const row = chosen.value;
    if (row && row.alarm_no !== null && may("dispatcher") && !state.frozen.value) act(row);
  };
}

function showOnMap(): void {
  const id = chosen.value?.vehicle_id;
  const vehicle = state.rows.value.find((row) => row.vehicle.id === id)?.vehicle;
  if (!vehicle) return;
  go({ room: "map" }, { view: null });
  mapCommands.goTo(vehicle.lon, vehicle.lat);
}

const keys: readonly RoomKey[] = [
  { code: "KeyJ", label: "J", text: () => say("keyNextRow"), run: () => step(1) },
  { code: "KeyK", label: "K", text: () => say("keyPreviousRow"), run: () => step(-1) },
  {
    code: "KeyY",
    label: "Y",
    text: () => t("keyAck"),
    run: withChosen((row) => void acknowledge(row)),
  },
  {
    code: "KeyH",
    label: "H",
    text: () => t("keyShelve"),
    run: withChosen((row) => {
      shelving.value = row;
    }),
  },
  {
    code: "KeyO",
    label: "O",
    text: () => t("keyTake"),
    run: withChosen((row) => void takeOver(row)),
  },
  { code: "KeyU", label: "U", text: () => t("keyUndo"), run: () => void undoNewest() },
  { code: "KeyV", label: "V", text: () => t("keyMap"), run: showOnMap },
  { code: "KeyN", label: "N", text: () => t("keyNew"), run: letIn },
];

export const room: Room = { View, keys, panel: true };
