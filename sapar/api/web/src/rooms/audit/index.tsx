/** Who changed what, and what was it before? */
import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { t as say } from "../../i18n";
import { getJson } from "../../kit/api";
import { MomentField, SelectField, TextField } from "../../kit/fields";
import { IconButton } from "../../kit/icon";
import { useResource } from "../../kit/resource";
import { Empty, Fetched } from "../../kit/states";
import { type Column, exportRows, Table } from "../../kit/table";
import { failed } from "../../kit/toast";
import { momentText } from "../../kit/when";
import { param, textParam } from "../../shell/query";
import * as state from "../../shell/state";
import type { Room } from "../room";
import { differences } from "./difference";
import { t } from "./messages";
import "../people/room.css";
import "./room.css";

interface Line {
  readonly audit_no: number;
  readonly at_s: number;
  readonly recorded_s: number;
  readonly person: string;
  readonly user_id: number | null;
  readonly agency_id: string | null;
  readonly action: string;
  readonly target: string;
  readonly before: unknown;
  readonly after: unknown;
  readonly reason: string;
}

interface Page {
  readonly lines: readonly Line[];
  readonly next: number | null;
  readonly actions: readonly string[];
}

const person = textParam("by", "audit");
const target = textParam("target", "audit");
const action = textParam("action", "audit");
const from_s = momentParam("from");
const to_s = momentParam("to");
const chosen = textParam("line", "audit");

function momentParam(name: string) {
  return param<number | null>(
    name,
    "audit",
    ([text]) => (text && /^\d+$/.test(text) ? Number(text) : null),
    (value) => (value === null ? [] : [String(value)]),
  );
}

function View() {
  const query = {
    person: person.value,
    target: target.value,
    action: action.value,
    from_s: from_s.value,
    to_s: to_s.value,
  };
  const asked = JSON.stringify(query);
  const found = useResource<Page>("/api/audit", { query });
  const older = useSignal<readonly Page[]>([]);
  useEffect(() => {
    older.value = [];
  }, [asked, found.got_ms]);
  const next = (older.value.at(-1) ?? found.data)?.next ?? null;
  const more = async (): Promise<void> => {
    try {
      const page = await getJson<Page>("/api/audit", { query: { ...query, below: next } });
      older.value = [...older.value, page];
    } catch (cause) {
      failed(cause);
    }
  };
  return (
    <section class="page audit" aria-label={t("title")}>
      <header>
        <h2>{t("title")}</h2>
        <Filters actions={found.data?.actions ?? []} />
      </header>
      <Fetched of={found} rows={14}>
        {(page) => {
          const lines = [page, ...older.value].flatMap((one) => one.lines);
          const line = lines.find((one) => String(one.audit_no) === chosen.value);
          return (
            <div class="beside">
              <Table
                label={t("title")}
                columns={columns(line === undefined)}
                rows={lines}
                key_of={(one) => String(one.audit_no)}
                min_px={line ? 480 : 820}
                selected={chosen.value}
                onOpen={(one) => {
                  chosen.value = String(one.audit_no);
                }}
                empty={<Empty>{t("none")}</Empty>}
                foot={
                  <>
                    {next !== null && (
                      <button type="button" onClick={() => void more()}>
                        {t("more")}
                      </button>
                    )}
                    <IconButton
                      icon="download"
                      class="csv"
                      title={say("exportCsv")}
                      onClick={() => exportRows("audit", exported(), lines)}
                    />
                  </>
                }
              />
              {line && <Detail line={line} />}
            </div>
          );
        }}
      </Fetched>
    </section>
  );
}

function Filters({ actions }: { actions: readonly string[] }) {
  const things = [...new Set(actions.map((one) => `${one.split(".")[0]}.`))];
  const timezone = state.agency.value?.timezone ?? "UTC";
  const filtered = [person, target, action, from_s, to_s].some((one) => one.value !== null);
  return (
    <div class="filters">
      <TextField
        label={t("person")}
        value={person.value ?? ""}
        onValue={(value) => {
          person.value = value === "" ? null : value;
        }}
      />
      <TextField
        label={t("target")}
        value={target.value ?? ""}
        onValue={(value) => {
          target.value = value === "" ? null : value;
        }}
      />
      <SelectField
        label={t("action")}
        value={action.value ?? ""}
        none={t("allActions")}
        choices={[...things, ...actions].sort().map((value) => ({ value, name: value }))}
        onValue={(value) => {
          action.value = value === "" ? null : value;
        }}
      />
      <MomentField
        label={t("from")}
        value={from_s.value}
        timezone={timezone}
        onValue={(value) => {
          from_s.value = value;
        }}
      />
      <MomentField
        label={t("to")}
        value={to_s.value}
        timezone={timezone}
        onValue={(value) => {
          to_s.value = value;
        }}
      />
      {filtered && (
        <button
          type="button"
          onClick={() => {
            for (const one of [person, target, action]) one.value = null;
            for (const one of [from_s, to_s]) one.value = null;
          }}
        >
          {t("clear")}
        </button>
      )}
    </div>
  );
}

function columns(wide: boolean): readonly Column<Line>[] {
  const all: readonly (Column<Line> | false)[] = [
    {
      id: "time",
      name: t("time"),
      value: (line) => line.audit_no,
      cell: (line) => momentText(line.at_s, true),
      csv: (line) => new Date(line.at_s * 1000).toISOString(),
      width: "150px",
      down: true,
    },
    { id: "person", name: t("person"), value: (line) => line.person, head: true },
    { id: "action", name: t("action"), value: (line) => line.action },
    { id: "target", name: t("target"), value: (line) => line.target },
    wide && {
      id: "city",
      name: t("city"),
      value: (line) => line.agency_id ?? t("allCities"),
      width: "110px",
    },
    wide && { id: "reason", name: t("reason"), value: (line) => line.reason },
  ];
  return all.filter((one) => one !== false);
}

/** The file has what the screen shows line by line. */
function exported(): readonly Column<Line>[] {
  return [
    ...columns(true),
    { id: "before", name: t("before"), value: (line) => JSON.stringify(line.before) },
    { id: "after", name: t("after"), value: (line) => JSON.stringify(line.after) },
  ];
}

function Detail({ line }: { line: Line }) {
  const found = differences(line.before, line.after);
  return (
    <aside class="person-pane audit-line" aria-label={t("line", { no: line.audit_no })}>
      <IconButton
        icon="close"
        bare
        class="close"
        title={say("close")}
        onClick={() => {
          chosen.value = null;
        }}
      />
      <h3>{line.action}</h3>
      <p>
        {line.person} · {line.target}
        {line.agency_id !== null && ` · ${line.agency_id}`}
      </p>
      {line.reason !== "" && <blockquote>{line.reason}</blockquote>}
      {found.length === 0 ? (
        <p class="quiet">{t("unchanged")}</p>
      ) : (
        <table>
          <thead>
            <tr>
              <th scope="col">{t("member")}</th>
              <th scope="col">{t("before")}</th>
              <th scope="col">{t("after")}</th>
            </tr>
          </thead>
          <tbody>
            {found.map((one) => (
              <tr key={one.path}>
                <th scope="row">{one.path}</th>
                <td>{one.before === null ? <Nothing /> : <del>{one.before}</del>}</td>
                <td>{one.after === null ? <Nothing /> : <ins>{one.after}</ins>}</td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
      <p class="quiet">
        {t("line", { no: line.audit_no })} · {momentText(line.at_s, true)}
        <br />
        {t("recorded", { time: momentText(line.recorded_s, true) })}
      </p>
      <div class="ways">
        <button
          type="button"
          onClick={() => {
            target.value = line.target;
          }}
        >
          {t("onlyTarget")}
        </button>
        <button
          type="button"
          onClick={() => {
            person.value = line.person;
          }}
        >
          {t("onlyPerson")}
        </button>
      </div>
    </aside>
  );
}

function Nothing() {
  return <span class="quiet">{t("nothing")}</span>;
}

export const room: Room = {
  View,
  close: () => {
    const was = chosen.value !== null;
    chosen.value = null;
    return was;
  },
};
