import { useState } from "preact/hooks";
import type { Target, Texts } from "../../desk/types";
import { getJson } from "../../kit/api";
import { Dialog } from "../../kit/dialog";
import { useResource } from "../../kit/resource";
import { Empty, Fetched } from "../../kit/states";
import { type Column, Table } from "../../kit/table";
import { attempt, failed } from "../../kit/toast";
import { clockText, momentText } from "../../kit/when";
import { may } from "../../shell/me";
import * as state from "../../shell/state";
import { routeName } from "../acts/about";
import { oneOf, withdraw } from "./compose";
import { t } from "./messages";

const states = ["waiting", "sent", "delivered", "read", "failed", "expired"] as const;
type State = (typeof states)[number];

interface MessageRow {
  readonly message_no: number;
  readonly texts: Texts;
  readonly urgent: boolean;
  readonly target: Target;
  readonly author: string;
  readonly created_s: number;
  readonly expires_s: number;
  readonly counts: Readonly<Record<State, number>>;
}

interface Recipient {
  readonly vehicle_id: string;
  readonly state: State;
  readonly tries: number;
  readonly sent_s: number | null;
  readonly delivered_s: number | null;
  readonly read_s: number | null;
  readonly ended_s: number | null;
  readonly failure: string | null;
}

const page_rows = 50;

function targetText(target: Target): string {
  if (target.kind === "all") return t("target_all");
  if (target.kind === "route") return t("target_route", { route: routeName(target.route_id) });
  const { vehicle_ids } = target;
  return vehicle_ids.length <= 3
    ? vehicle_ids.join(", ")
    : t("target_many", { n: vehicle_ids.length });
}

function countsText(counts: MessageRow["counts"]): string {
  return states
    .filter((one) => counts[one] > 0)
    .map((one) => t(`n_${one}`, { n: counts[one] }))
    .join(" · ");
}

function columns(): readonly Column<MessageRow>[] {
  return [
    {
      id: "time",
      name: t("time"),
      width: "130px",
      value: (row) => row.created_s,
      cell: (row) => momentText(row.created_s),
      csv: (row) => momentText(row.created_s, true),
    },
    { id: "to", name: t("to"), width: "130px", value: (row) => targetText(row.target) },
    { id: "text", name: t("message"), head: true, value: (row) => oneOf(row.texts) },
    { id: "states", name: t("states"), width: "220px", value: (row) => countsText(row.counts) },
    { id: "author", name: t("author"), width: "120px", value: (row) => row.author },
  ];
}

export function List() {
  const messages = useResource<{ messages: readonly MessageRow[] }>("/api/dispatch/messages.json", {
    on: state.changes.messages,
    every_ms: 30_000,
  });
  const [open, setOpen] = useState<number | null>(null);
  const [earlier, setEarlier] = useState<readonly MessageRow[]>([]);
  const more = async (before: number): Promise<void> => {
    try {
      const next = await getJson<{ messages: readonly MessageRow[] }>(
        "/api/dispatch/messages.json",
        { query: { before } },
      );
      setEarlier([...earlier, ...next.messages]);
    } catch (error) {
      failed(error);
    }
  };
  return (
    <section class="page letter-list" aria-label={t("list")}>
      <h2>{t("list")}</h2>
      <Fetched of={messages}>
        {(data) => {
          const known = new Set(data.messages.map((row) => row.message_no));
          const rows = [...data.messages, ...earlier.filter((row) => !known.has(row.message_no))];
          const last = rows.at(-1);
          const chosen = rows.find((row) => row.message_no === open) ?? null;
          return (
            <>
              <Table
                label={t("list")}
                csv="messages"
                filter
                min_px={760}
                columns={columns()}
                rows={rows}
                key_of={(row) => String(row.message_no)}
                onOpen={(row) => setOpen(row.message_no)}
                empty={<Empty>{t("none")}</Empty>}
                foot={
                  last && rows.length % page_rows === 0 ? (
                    <button type="button" onClick={() => void more(last.message_no)}>
                      {t("more")}
                    </button>
                  ) : null
                }
              />
              {chosen && <Recipients of={chosen} onClose={() => setOpen(null)} />}
            </>
          );
        }}
      </Fetched>
    </section>
  );
}

function whyText(failure: string): string {
  switch (failure) {
    case "no_device":
    case "withdrawn":
    case "unknown_command":
    case "no_display":
    case "expired":
      return t(`why_${failure}`);
    default:
      return t("why_other", { code: failure });
  }
}

function stateText(row: Recipient): string {
  const said = t(`state_${row.state}`);
  if (row.failure !== null) return `${said}: ${whyText(row.failure)}`;
  return row.state === "sent" && row.tries > 1 ? `${said}, ${t("tries", { n: row.tries })}` : said;
}

function when(at_s: number | null): string {
  return at_s === null ? "–" : clockText(at_s);
}

/** What became of a message on each bus. */
function Recipients({ of, onClose }: { of: MessageRow; onClose: () => void }) {
  const found = useResource<{ recipients: readonly Recipient[] }>(
    `/api/dispatch/messages/${of.message_no}/recipients.json`,
    { on: state.changes.messages },
  );
  const columns: readonly Column<Recipient>[] = [
    { id: "bus", name: t("bus"), width: "90px", head: true, value: (row) => row.vehicle_id },
    { id: "state", name: t("state"), value: stateText },
    ...(["sent", "delivered", "read"] as const).map(
      (one): Column<Recipient> => ({
        id: one,
        name: t(`${one}At`),
        width: "100px",
        value: (row) => row[`${one}_s`],
        cell: (row) => when(row[`${one}_s`]),
        csv: (row) => when(row[`${one}_s`]),
      }),
    ),
  ];
  const open = of.counts.waiting + of.counts.sent;
  return (
    <Dialog
      open
      wide
      title={t("recipients")}
      onClose={onClose}
      actions={
        may("dispatcher") && open > 0 ? (
          <button type="button" onClick={() => void attempt(() => withdraw(of.message_no), "")}>
            {t("withdraw")}
          </button>
        ) : undefined
      }
    >
      {Object.entries(of.texts).map(([tongue, text]) => (
        <p key={tongue} lang={tongue}>
          {text}
        </p>
      ))}
      <div class="letter-recipients">
        <Fetched of={found} rows={3}>
          {(data) => (
            <Table
              label={t("recipients")}
              csv={`message-${of.message_no}`}
              min_px={560}
              columns={columns}
              rows={data.recipients}
              key_of={(row) => row.vehicle_id}
            />
          )}
        </Fetched>
      </div>
    </Dialog>
  );
}
