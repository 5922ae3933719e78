/** The files of a version: looked at, and changed into a new draft. */
import { signal } from "@preact/signals";
import { t as say } from "../../i18n";
import { send, sendFile } from "../../kit/api";
import { ask, Dialog } from "../../kit/dialog";
import { IconButton } from "../../kit/icon";
import { attempt, done, failed } from "../../kit/toast";
import { may } from "../../shell/me";
import { t } from "./messages";
import {
  countChanges,
  filled,
  findingsOf,
  isChanged,
  withCell,
  withoutRow,
  withRow,
} from "./tables";
import type { FileTable, Judged, Tables } from "./types";

interface Draft {
  readonly base_no: string;
  readonly before: readonly FileTable[];
  readonly tables: readonly FileTable[];
  readonly judged: Judged | null;
}

/** What is being changed; it stays while the rooms are changed, and is stored nowhere. */
const draft = signal<Draft | null>(null);
const file = signal<string | null>(null);

interface Stored {
  readonly version_no: number;
  readonly is_new: boolean;
}

export function begin(base_no: string, tables: readonly FileTable[]): void {
  if (may("accountant", "chief_accountant")) {
    draft.value = { base_no, before: tables, tables, judged: null };
  }
}

async function check(tables: readonly FileTable[]): Promise<Judged> {
  return await send<Judged>("POST", "/api/finance/tariffs/check", { tables });
}

function tell(stored: Stored): void {
  const no = String(stored.version_no);
  done(t(stored.is_new ? "saved" : "sameFiles", { no }));
}

export function Files(props: {
  version_no: string;
  of: Tables;
  onStored: (version_no: number) => void;
}) {
  const now = draft.value?.base_no === props.version_no ? draft.value : null;
  const tables = now?.tables ?? props.of.tables;
  const listed = filled(tables);
  const name = file.value ?? "fare_products.txt";
  const table = tables.find((one) => one.name === name) ?? listed[0];
  const judged = now ? now.judged : props.of.judged;
  const change = (next: readonly FileTable[]): void => {
    if (now) draft.value = { ...now, tables: next, judged: null };
  };
  const save = async (): Promise<void> => {
    if (!now) return;
    try {
      const found = await check(now.tables);
      draft.value = { ...now, judged: found };
      if (!found.ok) return;
      const stored = await send<Stored>("POST", "/api/finance/tariffs/drafts", {
        tables: now.tables,
      });
      draft.value = null;
      tell(stored);
      props.onStored(stored.version_no);
    } catch (error) {
      failed(error);
    }
  };
  const discard = async (): Promise<void> => {
    const question = { title: t("discardTitle"), text: t("discardText"), confirm: t("stopEdit") };
    if ((await ask(question)) !== null) draft.value = null;
  };
  return (
    <div class="tariff-files">
      <div class="quick">
        {now ? (
          <>
            <button
              type="button"
              onClick={() =>
                void attempt(async () => {
                  draft.value = { ...now, judged: await check(now.tables) };
                }, "")
              }
            >
              {t("check")}
            </button>
            <button type="button" class="primary" onClick={() => void save()}>
              {t("save")}
            </button>
            <button type="button" onClick={() => void discard()}>
              {t("stopEdit")}
            </button>
          </>
        ) : (
          may("accountant", "chief_accountant") && (
            <button type="button" onClick={() => begin(props.version_no, props.of.tables)}>
              {t("edit")}
            </button>
          )
        )}
      </div>
      {judged && <Findings judged={judged} />}
      <div class="file-list" role="group" aria-label={t("file")}>
        {listed.map((one) => {
          const before = now?.before.find((old) => old.name === one.name);
          const changes = now ? countChanges(before, one) : 0;
          return (
            <button
              type="button"
              key={one.name}
              aria-pressed={one === table}
              class={one.rows.length === 0 ? "is-empty" : ""}
              onClick={() => {
                file.value = one.name;
              }}
            >
              <span>{one.name.replace(".txt", "")}</span>
              <small>
                {changes > 0 ? t("changes", { n: changes }) : t("rows", { n: one.rows.length })}
              </small>
            </button>
          );
        })}
      </div>
      {table && (
        <Sheet
          table={table}
          before={now?.before.find((one) => one.name === table.name)}
          judged={judged}
          {...(now ? { tables, onChange: change } : {})}
        />
      )}
    </div>
  );
}

export function Findings({ judged }: { judged: Judged }) {
  if (judged.ok && judged.findings.length === 0) return null;
  const head = judged.ok ? t("fineWith") : t("refused");
  return (
    <section class="note-bar findings" role="status">
      <p>
        <strong>{head}</strong> {t("findings", { n: judged.findings.length })}
      </p>
      <ul>
        {judged.findings.map((one) => (
          <li key={`${one.file} ${one.line} ${one.message}`}>
            <button
              type="button"
              class="inline"
              onClick={() => {
                file.value = one.file;
              }}
            >
              {one.line > 0 ? `${one.file}:${one.line}` : one.file}
            </button>{" "}
            {one.message} <code>{one.code}</code>
          </li>
        ))}
      </ul>
    </section>
  );
}

function Sheet(props: {
  table: FileTable;
  before: FileTable | undefined;
  judged: Judged | null;
  tables?: readonly FileTable[];
  onChange?: (tables: readonly FileTable[]) => void;
}) {
  const { table, before, tables, onChange } = props;
  const editing = tables !== undefined && onChange !== undefined;
  const columns = table.columns
    .map((column, at) => ({ column, at }))
    .filter(({ at }) => editing || table.rows.some((row) => row[at] !== ""));
  return (
    <div
      class="sheet scroll-x"
      // what scrolls can be reached by Tab; while fields are in it they are
      tabIndex={editing ? -1 : 0}
      role="region"
      aria-label={table.name}
    >
      <table>
        <thead>
          <tr>
            <th scope="col">№</th>
            {columns.map(({ column }) => (
              <th scope="col" key={column}>
                {column}
              </th>
            ))}
            {editing && <th aria-label={t("stopEdit")} />}
          </tr>
        </thead>
        <tbody>
          {table.rows.map((row, at) => {
            const wrong = findingsOf(props.judged?.findings ?? [], table.name, at);
            return (
              // rows have no name of their own: they are told apart by their place
              <tr key={at} class={wrong.length > 0 ? "is-wrong" : ""}>
                <th scope="row" title={wrong.map(({ message }) => message).join("; ")}>
                  {at + 1}
                </th>
                {columns.map(({ column, at: place }) => {
                  const text = row[place] ?? "";
                  const other = before !== undefined && isChanged(before, at, place, text);
                  return (
                    <td key={column} class={other ? "is-changed" : ""}>
                      {editing ? (
                        <input
                          type="text"
                          aria-label={t("cell", { column, n: at + 1 })}
                          value={text}
                          size={Math.max(6, text.length + 1)}
                          onInput={(event) =>
                            onChange(
                              withCell(tables, table.name, at, place, event.currentTarget.value),
                            )
                          }
                        />
                      ) : (
                        text
                      )}
                    </td>
                  );
                })}
                {editing && (
                  <td>
                    <IconButton
                      icon="trash"
                      bare
                      title={t("dropRow", { n: at + 1 })}
                      onClick={() => onChange(withoutRow(tables, table.name, at))}
                    />
                  </td>
                )}
              </tr>
            );
          })}
        </tbody>
      </table>
      {editing && (
        <button type="button" onClick={() => onChange(withRow(tables, table.name))}>
          {t("addRow")}
        </button>
      )}
    </div>
  );
}

interface Uploaded {
  readonly zip: Blob;
  readonly name: string;
  readonly judged: Judged;
}

const uploaded = signal<Uploaded | null>(null);

/** Takes a zip: judged first, stored when it can price. */
export function Upload({ onStored }: { onStored: (version_no: number) => void }) {
  const now = uploaded.value;
  const close = (): void => {
    uploaded.value = null;
  };
  const take = async (chosen: File): Promise<void> => {
    const zip = new Blob([chosen], { type: "application/zip" });
    await attempt(async () => {
      const judged = await sendFile<Judged>("/api/finance/tariffs/check", zip);
      uploaded.value = { zip, name: chosen.name, judged };
    }, "");
  };
  const store = async (): Promise<void> => {
    if (!now) return;
    await attempt(async () => {
      const stored = await sendFile<Stored>("/api/finance/tariffs/drafts", now.zip);
      close();
      tell(stored);
      onStored(stored.version_no);
    }, "");
  };
  return (
    <>
      <label class="file-button">
        {t("upload")}
        <input
          type="file"
          accept=".zip,application/zip"
          class="hidden"
          onChange={(event) => {
            const chosen = event.currentTarget.files?.[0];
            event.currentTarget.value = "";
            if (chosen) void take(chosen);
          }}
        />
      </label>
      <Dialog
        open={now !== null}
        wide
        title={t("uploadTitle", { file: now?.name ?? "" })}
        onClose={close}
        actions={
          <>
            <button type="button" onClick={close}>
              {say("cancel")}
            </button>
            <button
              type="button"
              class="primary"
              disabled={!now?.judged.ok}
              onClick={() => void store()}
            >
              {t("save")}
            </button>
          </>
        }
      >
        {now && (
          <>
            {now.judged.ok && (
              <p>
                {now.judged.name}. {now.judged.findings.length === 0 && t("fine")}
              </p>
            )}
            <Findings judged={now.judged} />
          </>
        )}
      </Dialog>
    </>
  );
}
