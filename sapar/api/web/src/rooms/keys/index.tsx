/** Which apps ask the passenger API, and how often may they? */
import { useSignal } from "@preact/signals";
import { t as say } from "../../i18n";
import { send } from "../../kit/api";
import { ask, Dialog } from "../../kit/dialog";
import { CheckField, NumberField, TextField } from "../../kit/fields";
import { IconButton } from "../../kit/icon";
import { type Resource, useResource } from "../../kit/resource";
import { Empty, Fetched } from "../../kit/states";
import { type Column, Table } from "../../kit/table";
import { attempt } from "../../kit/toast";
import { momentText, numberText } from "../../kit/when";
import { flagParam } from "../../shell/query";
import { ToldOnce } from "../people/told";
import "../people/room.css";
import type { Room } from "../room";
import { t } from "./messages";

interface Key {
  readonly key_no: number;
  readonly prefix: string;
  readonly name: string;
  readonly contact: string;
  readonly rate_per_minute: number;
  readonly created_s: number;
  readonly created_by: string;
  readonly revoked_s: number | null;
  /** A day, "2026-11-20". */
  readonly last_used_on: string | null;
}

interface Keys {
  readonly keys: readonly Key[];
}

interface Editing {
  /** null: a new one. */
  readonly key: Key | null;
  readonly name: string;
  readonly contact: string;
  readonly rate: number | null;
}

const withRevoked = flagParam("revoked", "keys");
const fresh: Editing = { key: null, name: "", contact: "", rate: 600 };

function View() {
  const found = useResource<Keys>("/api/keys", { query: { revoked: withRevoked.value } });
  const editing = useSignal<Editing | null>(null);
  const told = useSignal<{ app: string; text: string } | null>(null);
  return (
    <section class="page keys" aria-label={t("title")}>
      <header>
        <h2>{t("title")}</h2>
        <div class="actions">
          <CheckField
            label={t("withRevoked")}
            checked={withRevoked.value}
            onChecked={(on) => {
              withRevoked.value = on;
            }}
          />
          <button
            type="button"
            class="primary"
            onClick={() => {
              editing.value = fresh;
            }}
          >
            {t("add")}
          </button>
        </div>
      </header>
      <p>{t("intro")}</p>
      <Fetched of={found} rows={8}>
        {({ keys }) => (
          <Table
            label={t("title")}
            columns={columns(found, (key) => {
              editing.value = {
                key,
                name: key.name,
                contact: key.contact,
                rate: key.rate_per_minute,
              };
            })}
            rows={keys}
            key_of={(key) => String(key.key_no)}
            csv="keys"
            filter
            min_px={900}
            first={{ column: "app", down: false }}
            empty={<Empty>{t("none")}</Empty>}
          />
        )}
      </Fetched>
      {editing.value && (
        <Editor
          value={editing.value}
          onValue={(value) => {
            editing.value = value;
          }}
          onSaved={(app, text) => {
            editing.value = null;
            if (text !== null) told.value = { app, text };
            found.reload();
          }}
        />
      )}
      <ToldOnce
        title={t("toldTitle", { app: told.value?.app ?? "" })}
        text={t("toldText")}
        secret={told.value?.text ?? null}
        onClose={() => {
          told.value = null;
        }}
      />
    </section>
  );
}

function Editor(props: {
  value: Editing;
  onValue: (value: Editing | null) => void;
  onSaved: (app: string, text: string | null) => void;
}) {
  const { key, name, contact, rate } = props.value;
  const ready = name.trim() !== "" && rate !== null && rate >= 1 && Number.isInteger(rate);

  const submit = async (): Promise<void> => {
    if (!ready) return;
    if (key) {
      const body = { rate_per_minute: rate };
      const text = t("rateDone", { app: key.name, n: numberText(rate) });
      const path = `/api/keys/${key.key_no}`;
      if (await attempt(() => send("PATCH", path, body), text)) props.onSaved(key.name, null);
      return;
    }
    const body = { name, contact, rate_per_minute: rate };
    await attempt(async () => {
      const { text } = await send<{ text: string }>("POST", "/api/keys", body);
      props.onSaved(name, text);
    }, "");
  };

  return (
    <Dialog
      open
      title={key ? t("changeRate") : t("add")}
      onClose={() => props.onValue(null)}
      actions={
        <>
          <button type="button" onClick={() => props.onValue(null)}>
            {say("cancel")}
          </button>
          <button type="submit" form="key-editor" class="primary" disabled={!ready}>
            {key ? t("save") : t("add")}
          </button>
        </>
      }
    >
      <form
        id="key-editor"
        class="person-form"
        onSubmit={(event) => {
          event.preventDefault();
          void submit();
        }}
      >
        <TextField
          label={t("app")}
          value={name}
          maxLength={200}
          required
          disabled={key !== null}
          onValue={(value) => props.onValue({ ...props.value, name: value })}
        />
        {!key && (
          <TextField
            label={t("contact")}
            value={contact}
            maxLength={200}
            onValue={(value) => props.onValue({ ...props.value, contact: value })}
          />
        )}
        <NumberField
          label={t("rateField")}
          value={rate}
          min={1}
          onValue={(value) => props.onValue({ ...props.value, rate: value })}
        />
      </form>
    </Dialog>
  );
}

function columns(found: Resource<Keys>, edit: (key: Key) => void): readonly Column<Key>[] {
  const revoke = async (key: Key): Promise<void> => {
    const app = key.name;
    const answer = await ask({
      title: t("revokeTitle", { app }),
      text: t("revokeText"),
      confirm: t("revoke").replace("…", ""),
    });
    if (answer === null) return;
    const done = t("done", { app });
    if (await attempt(() => send("DELETE", `/api/keys/${key.key_no}`), done)) found.reload();
  };
  return [
    { id: "app", name: t("app"), value: (key) => key.name, head: true, width: "24%" },
    { id: "contact", name: t("contact"), value: (key) => key.contact },
    {
      id: "prefix",
      name: t("prefix"),
      value: (key) => `sapar_${key.prefix}`,
      cell: (key) => <code>sapar_{key.prefix}</code>,
      width: "170px",
    },
    {
      id: "rate",
      name: `${t("rate")}, ${t("perMinute")}`,
      value: (key) => key.rate_per_minute,
      cell: (key) => (
        <>
          {numberText(key.rate_per_minute)}{" "}
          {key.revoked_s === null && (
            <IconButton icon="edit" bare title={t("changeRate")} onClick={() => edit(key)} />
          )}
        </>
      ),
      number: true,
      width: "150px",
    },
    {
      id: "used",
      name: t("used"),
      value: (key) => key.last_used_on,
      cell: (key) => key.last_used_on ?? t("never"),
      width: "110px",
    },
    { id: "by", name: t("by"), value: (key) => key.created_by, width: "120px" },
    {
      id: "revoked",
      name: t("revoked"),
      value: (key) => key.revoked_s,
      cell: (key) =>
        key.revoked_s === null ? (
          <button type="button" onClick={() => void revoke(key)}>
            {t("revoke")}
          </button>
        ) : (
          momentText(key.revoked_s)
        ),
      csv: (key) => (key.revoked_s === null ? null : new Date(key.revoked_s * 1000).toISOString()),
      width: "150px",
    },
  ];
}

export const room: Room = { View };
