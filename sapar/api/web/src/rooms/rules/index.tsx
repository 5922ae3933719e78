/** From which value on does what count as an alarm, and on which route otherwise? */
import { useSignal } from "@preact/signals";
import { type Key, t as say } from "../../i18n";
import { ApiError, send } from "../../kit/api";
import { Dialog } from "../../kit/dialog";
import { CheckField, NumberField, SelectField, TextField } from "../../kit/fields";
import { IconButton } from "../../kit/icon";
import { useResource } from "../../kit/resource";
import { Empty, Fetched, whyFrozen } from "../../kit/states";
import { type Column, Table } from "../../kit/table";
import { done, failed } from "../../kit/toast";
import { numberText } from "../../kit/when";
import { may } from "../../shell/me";
import * as state from "../../shell/state";
import type { Room } from "../room";
import { t } from "./messages";
import {
  isCrossed,
  isFalling,
  type Line,
  linesOf,
  type Rule,
  type Rules,
  shownValue,
  storedValue,
  unitOf,
  withoutRule,
  withRule,
} from "./rule";
import "../people/room.css";

const path = "/api/dispatch/rules";

function kindName(kind: string): string {
  return say(`alarm_${kind}` as Key);
}

function routeName(id: string | null): string {
  if (id === null) return t("allRoutes");
  return state.network.value.routes.find((route) => route.id === id)?.name ?? id;
}

/** A threshold with its unit: "360 s", "70.2 km/h", "1.75 of the planned headway". */
function valueText(kind: string, value: number): string {
  const unit = unitOf(kind);
  if (unit === "none") return "–";
  const shown = shownValue(kind, value);
  const digits = Number.isInteger(shown) ? 0 : unit === "ofPlan" ? 2 : 1;
  return `${numberText(shown, digits)}\u00a0${t(unit)}`;
}

function View() {
  const found = useResource<Rules>(path);
  const editing = useSignal<Line | null>(null);
  const mayAct = may("dispatcher") && whyFrozen() === null;
  const put = async (rules: readonly Rule[], reason: string, text: string): Promise<void> => {
    const revision = found.data?.revision;
    try {
      await send("PUT", path, { rules, reason, revision });
    } catch (error) {
      const moved = error instanceof ApiError && error.code === "changed_since";
      failed(moved ? t("changedSince") : error);
      if (moved) {
        editing.value = null;
        found.reload();
      }
      return;
    }
    editing.value = null;
    found.reload();
    done(text);
  };
  return (
    <section class="page rules" aria-label={t("title")}>
      <header>
        <h2>{t("title")}</h2>
      </header>
      <p>{t("intro")}</p>
      <Fetched of={found} rows={12}>
        {(rules) => (
          <Table
            label={t("title")}
            columns={columns(
              mayAct
                ? (line) => {
                    editing.value = line;
                  }
                : null,
            )}
            rows={linesOf(rules)}
            key_of={({ rule }) => `${rule.kind} ${rule.route_id ?? ""}`}
            csv="alarm-rules"
            filter
            min_px={1100}
            empty={<Empty>{t("none")}</Empty>}
          />
        )}
      </Fetched>
      {editing.value && found.data && (
        <Editor
          key={`${editing.value.rule.kind} ${editing.value.rule.route_id ?? ""}`}
          line={editing.value}
          rules={found.data.rules}
          onClose={() => {
            editing.value = null;
          }}
          onPut={put}
        />
      )}
    </section>
  );
}

function Editor(props: {
  line: Line;
  rules: readonly Rule[];
  onClose: () => void;
  onPut: (rules: readonly Rule[], reason: string, text: string) => Promise<void>;
}) {
  const { line, rules } = props;
  const rule = useSignal<Rule>(line.rule);
  const reason = useSignal("");
  const busy = useSignal(false);
  const { kind } = line.rule;
  const unit = unitOf(kind);
  const unitText = unit === "none" ? "" : t(unit);
  const change = (part: Partial<Rule>): void => {
    rule.value = { ...rule.value, ...part };
  };
  const crossed = isCrossed(rule.value);
  const threshold = (name: "raise_at" | "clear_at") => (value: number | null) =>
    change({ [name]: value === null ? Number.NaN : storedValue(kind, value) });
  const numbers = [
    rule.value.raise_at,
    rule.value.clear_at,
    rule.value.on_delay_s,
    rule.value.off_delay_s,
  ];
  const ready = !busy.value && !crossed && numbers.every((n) => Number.isFinite(n) && n >= 0);
  const submit = async (next: readonly Rule[], text: string): Promise<void> => {
    busy.value = true;
    await props.onPut(next, reason.value, text);
    busy.value = false;
  };
  const shown = (value: number): number | null =>
    Number.isFinite(value) ? shownValue(kind, value) : null;
  return (
    <Dialog
      open
      title={t("edit", { kind: kindName(kind) })}
      onClose={props.onClose}
      actions={
        <>
          {line.own && (
            <button
              type="button"
              onClick={() =>
                void submit(withoutRule(rules, line.rule), t("doneUsual", { kind: kindName(kind) }))
              }
            >
              {t("toUsual")}
            </button>
          )}
          <button type="button" onClick={props.onClose}>
            {say("cancel")}
          </button>
          <button type="submit" form="rule-editor" class="primary" disabled={!ready}>
            {t("save")}
          </button>
        </>
      }
    >
      <form
        id="rule-editor"
        class="person-form"
        onSubmit={(event) => {
          event.preventDefault();
          if (!ready) return;
          const text = t("done", { kind: kindName(kind) });
          void submit(withRule(rules, rule.value), text);
        }}
      >
        <SelectField
          label={t("where")}
          value={rule.value.route_id ?? ""}
          none={t("allRoutes")}
          choices={state.network.value.routes.map(({ id, name }) => ({ value: id, name }))}
          onValue={(id) => change({ route_id: id === "" ? null : id })}
        />
        {unit !== "none" && (
          <>
            <NumberField
              label={t(isFalling(kind) ? "raiseFalling" : "raise")}
              unit={unitText}
              hint={t("usual", { value: valueText(kind, line.usual.raise_at) })}
              value={shown(rule.value.raise_at)}
              onValue={threshold("raise_at")}
            />
            <NumberField
              label={t("clear")}
              unit={unitText}
              error={crossed ? t("crossed") : null}
              hint={t("usual", { value: valueText(kind, line.usual.clear_at) })}
              value={shown(rule.value.clear_at)}
              onValue={threshold("clear_at")}
            />
          </>
        )}
        {(["on_delay_s", "off_delay_s"] as const).map((name) => (
          <NumberField
            key={name}
            label={t(name === "on_delay_s" ? "onDelay" : "offDelay")}
            unit={t("seconds")}
            value={Number.isFinite(rule.value[name]) ? rule.value[name] : null}
            onValue={(value) => change({ [name]: value ?? Number.NaN })}
          />
        ))}
        <SelectField
          label={t("priority")}
          value={String(rule.value.priority)}
          choices={(["1", "2", "3"] as const).map((value) => ({
            value,
            name: t(`priority${value}`),
          }))}
          onValue={(value) => change({ priority: Number(value) })}
        />
        <CheckField
          label={t("on")}
          checked={rule.value.enabled}
          onChecked={(enabled) => change({ enabled })}
        />
        <TextField
          label={t("reason")}
          hint={t("reasonHint")}
          maxLength={200}
          value={reason.value}
          onValue={(text) => {
            reason.value = text;
          }}
        />
      </form>
    </Dialog>
  );
}

function columns(edit: ((line: Line) => void) | null): readonly Column<Line>[] {
  const threshold = (name: "raise_at" | "clear_at") => (line: Line) =>
    shownValue(line.rule.kind, line.rule[name]);
  return [
    {
      id: "kind",
      name: t("kind"),
      value: ({ rule }) => kindName(rule.kind),
      cell: (line) => (
        <>
          {kindName(line.rule.kind)}{" "}
          {edit && (
            <IconButton
              icon="edit"
              bare
              title={t("edit", {
                kind: `${kindName(line.rule.kind)}, ${routeName(line.rule.route_id)}`,
              })}
              onClick={() => edit(line)}
            />
          )}
        </>
      ),
      head: true,
    },
    { id: "where", name: t("where"), value: ({ rule }) => routeName(rule.route_id), width: "15%" },
    {
      id: "raise",
      name: t("raise"),
      value: threshold("raise_at"),
      cell: ({ rule }) => valueText(rule.kind, rule.raise_at),
      number: true,
      width: "17%",
    },
    {
      id: "clear",
      name: t("clear"),
      value: threshold("clear_at"),
      cell: ({ rule }) => valueText(rule.kind, rule.clear_at),
      number: true,
      width: "17%",
    },
    {
      id: "on",
      name: `${t("onDelay")}, ${t("seconds")}`,
      value: ({ rule }) => rule.on_delay_s,
      number: true,
      width: "100px",
    },
    {
      id: "after",
      name: `${t("offDelay")}, ${t("seconds")}`,
      value: ({ rule }) => rule.off_delay_s,
      number: true,
      width: "120px",
    },
    {
      id: "priority",
      name: t("priority"),
      value: ({ rule }) => rule.priority,
      number: true,
      width: "100px",
    },
    {
      id: "state",
      name: t("state"),
      value: ({ rule, own }) => (rule.enabled ? t(own ? "changed" : "asUsual") : t("off")),
      width: "130px",
    },
  ];
}

export const room: Room = { View };
