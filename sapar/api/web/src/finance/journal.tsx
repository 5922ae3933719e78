/** A journal with its entries: what every total comes down to. Opened from any room. */
import { signal } from "@preact/signals";
import { Dialog } from "../kit/dialog";
import { moneyText } from "../kit/money";
import { useResource } from "../kit/resource";
import { Fetched } from "../kit/states";
import { momentText } from "../kit/when";
import { go } from "../shell/query";
import { Entries, type Entry, moneyOf, type NamedCard } from "./entries";
import "./finance.css";
import { t } from "./messages";

interface Journal {
  readonly journal_no: number;
  readonly kind: string;
  readonly key: string | null;
  readonly tap_no: number | null;
  readonly card: NamedCard | null;
  readonly service_date: string;
  readonly business_date: string;
  readonly at_ms: number;
  readonly posted_ms: number;
  readonly rule: string;
  readonly reverses: number | null;
  readonly actor: string;
  readonly entries: readonly Entry[];
}

const opened = signal<number | null>(null);

/** Opens a journal over the room. */
export function openJournal(journal_no: number): void {
  opened.value = journal_no;
}

/** A link to a journal. */
export function JournalLink({ no }: { no: number }) {
  return (
    <button type="button" class="inline" onClick={() => openJournal(no)}>
      {t("journal", { no: String(no) })}
    </button>
  );
}

/** The place of the journal's dialog; each room that has links to journals holds it. */
export function JournalPlace() {
  const no = opened.value;
  const found = useResource<Journal>(no === null ? null : `/api/finance/journals/${no}`);
  return (
    <Dialog
      open={no !== null}
      wide
      title={no === null ? "" : t("journal", { no: String(no) })}
      onClose={() => {
        opened.value = null;
      }}
    >
      <Fetched of={found} rows={6}>
        {(journal) => <Told journal={journal} />}
      </Fetched>
    </Dialog>
  );
}

function Told({ journal }: { journal: Journal }) {
  const money = moneyOf(journal.entries);
  const debit = money.reduce((sum, one) => sum + Math.max(0, one.amount), 0);
  const credit = money.reduce((sum, one) => sum + Math.max(0, -one.amount), 0);
  return (
    <div class="journal">
      <dl class="facts">
        <Fact name={t("kind")} value={journal.kind} />
        <Fact name={t("rule")} value={journal.rule} />
        <Fact name={t("serviceDay")} value={journal.service_date} />
        <Fact name={t("businessDay")} value={journal.business_date} />
        <Fact name={t("postedAt")} value={momentText(journal.posted_ms / 1000, true)} />
        <Fact name={t("by")} value={journal.actor} />
        {journal.key !== null && <Fact name={t("key")} value={journal.key} />}
        {journal.tap_no !== null && (
          <Fact name="" value={t("tap", { no: String(journal.tap_no) })} />
        )}
      </dl>
      {journal.reverses !== null && (
        <p>
          {t("takesBack")}: <JournalLink no={journal.reverses} />
        </p>
      )}
      <Entries
        entries={journal.entries}
        cardOf={(card) => <CardLink card={card} />}
        foot={
          <tr>
            <th scope="row" colSpan={2}>
              {t("sum")}
            </th>
            <td class="number">{moneyText(debit)}</td>
            <td class="number">{moneyText(credit)}</td>
          </tr>
        }
      />
    </div>
  );
}

function Fact({ name, value }: { name: string; value: string }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{value}</dd>
    </div>
  );
}

/** A link to a card; the card desk asks there why it is looked at. */
export function CardLink({ card, text }: { card: NamedCard; text?: string }) {
  return (
    <button
      type="button"
      class="inline"
      onClick={() => {
        opened.value = null;
        go({ room: "cards" }, { card: String(card.card_no) });
      }}
    >
      {text ?? card.label}
    </button>
  );
}
