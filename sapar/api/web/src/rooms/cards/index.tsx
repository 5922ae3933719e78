/** What happened to this card, and what do I tell the rider? */
import { signal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { JournalPlace } from "../../finance/journal";
import { Switch } from "../../kit/fields";
import { useResource } from "../../kit/resource";
import { Empty, Fetched } from "../../kit/states";
import { attempt } from "../../kit/toast";
import { choiceParam, textParam } from "../../shell/query";
import type { Room } from "../room";
import { About, begin } from "./about";
import { ActingPlace } from "./acting";
import { History, Operations } from "./history";
import { field_id, lookUp, Reasoned, Search } from "./looking";
import { t } from "./messages";
import { ReceiptPlace } from "./receipt";
import { parts } from "./rows";
import type { Card, Choices } from "./types";
import "../people/room.css";
import "./room.css";

const chosen = textParam("card", "cards");
const row = textParam("row", "cards");
/** A ride that is to be shown with its card: other rooms link to it. */
const tap = textParam("tap", "cards");
const part = choiceParam("part", "cards", parts);
const view = choiceParam("show", "cards", ["history", "operations"]);

/** The card on the screen, for the room's keys. */
const shown = signal<{ card: Card; choices: Choices } | null>(null);

function View() {
  useEffect(() => {
    const tap_no = tap.value;
    if (tap_no === null) return;
    void attempt(async () => {
      const found = await lookUp({ tap_no: Number(tap_no) });
      tap.value = null;
      chosen.value = String(found.card_no);
      row.value = `t${tap_no}`;
    }, "");
  }, [tap.value]);
  return (
    <section class="page cards" aria-label={t("title")}>
      <header>
        <h2>{t("title")}</h2>
        <Search
          onFound={(card_no) => {
            row.value = null;
            part.value = "all";
            chosen.value = String(card_no);
          }}
        />
      </header>
      {chosen.value === null ? (
        <Empty>{t("begin")}</Empty>
      ) : (
        <Reasoned key={chosen.value} card_no={chosen.value}>
          <OneCard card_no={chosen.value} />
        </Reasoned>
      )}
      <JournalPlace />
      <ReceiptPlace />
    </section>
  );
}

const nothing: Choices = {
  categories: {},
  operations: [],
  desks_kept: false,
  desks: [],
  channels: [],
  bank_accounts: [],
};

function OneCard({ card_no }: { card_no: string }) {
  const found = useResource<Card>(`/api/finance/cards/${card_no}`);
  const choices = useResource<Choices>("/api/finance/cards.json");
  const may = choices.data ?? nothing;
  return (
    <Fetched of={found} rows={14}>
      {(card) => {
        shown.value = { card, choices: may };
        return (
          <>
            <About
              card={card}
              choices={may}
              part={part.value}
              onPart={(next) => {
                view.value = "history";
                part.value = next;
              }}
            />
            <div class="card-tabs">
              <Switch
                label={t("show")}
                value={view.value}
                choices={[
                  { value: "history", name: t("history") },
                  { value: "operations", name: t("receipts") },
                ]}
                onValue={(value) => {
                  view.value = value;
                }}
              />
            </div>
            {view.value === "operations" ? (
              <Operations card={card} />
            ) : (
              <History
                card={card}
                choices={may}
                part={part.value}
                chosen={row.value}
                onChosen={(id) => {
                  row.value = id;
                }}
                onPart={(next) => {
                  part.value = next;
                }}
              />
            )}
            <ActingPlace card={card} choices={may} onDone={found.reload} />
          </>
        );
      }}
    </Fetched>
  );
}

/** Operations that begin by a key. */
const keys = [
  ["T", "top_up"],
  ["P", "sell_pass"],
  ["B", "block"],
] as const;

export const room: Room = {
  View,
  keys: [
    {
      code: "KeyF",
      label: "F",
      text: () => t("keySearch"),
      run: () => document.getElementById(field_id)?.focus(),
    },
    ...keys.map(([code, operation]) => ({
      code: `Key${code}`,
      label: code,
      text: () => t(`key_${operation}`),
      run: () => {
        if (chosen.value !== null && shown.value) {
          begin(operation, shown.value.card, shown.value.choices);
        }
      },
    })),
  ],
  close: () => {
    const was = row.value !== null;
    row.value = null;
    return was;
  },
};
