/** The receipt of an operation, on the screen and on paper. */
import { signal } from "@preact/signals";
import { JournalLink } from "../../finance/journal";
import { t as money } from "../../finance/messages";
import { t as say } from "../../i18n";
import { Dialog } from "../../kit/dialog";
import { moneyText } from "../../kit/money";
import { momentText } from "../../kit/when";
import { me } from "../../shell/me";
import { kindText, stateText, t } from "./messages";
import type { Receipt } from "./types";

export interface Shown {
  readonly card: string;
  readonly key: string;
  readonly kind: string;
  readonly amount_tiyn: number | null;
  readonly reason: string;
  readonly receipt: Receipt;
  readonly at_s: number;
  /** null: who is signed in. */
  readonly actor: string | null;
  readonly repeated: boolean;
}

const shown = signal<Shown | null>(null);

export function openReceipt(receipt: Shown): void {
  shown.value = receipt;
}

export function ReceiptPlace() {
  const now = shown.value;
  const close = (): void => {
    shown.value = null;
  };
  return (
    <Dialog
      open={now !== null}
      title={now ? t("receiptTitle", { what: kindText(now.kind) }) : ""}
      onClose={close}
      actions={
        <>
          <button type="button" onClick={() => print()}>
            {money("printIt")}
          </button>
          <button type="button" class="primary" onClick={close}>
            {say("close")}
          </button>
        </>
      }
    >
      {now && <Paper shown={now} />}
    </Dialog>
  );
}

function Paper({ shown: now }: { shown: Shown }) {
  const { receipt } = now;
  const lines: readonly (readonly [string, string])[] = [
    [t("cardOf"), now.card],
    [t("time"), momentText(now.at_s, true)],
    ...(now.amount_tiyn === null ? [] : [[t("amount"), moneyText(now.amount_tiyn)] as const]),
    [t("balance"), moneyText(receipt.purse_tiyn - receipt.debt_tiyn)],
    ...(receipt.pending_tiyn === 0
      ? []
      : [[t("pending"), moneyText(receipt.pending_tiyn)] as const]),
    ...(receipt.deposit_tiyn === 0
      ? []
      : [[t("deposit"), moneyText(receipt.deposit_tiyn)] as const]),
    [t("status"), stateText(receipt.status)],
    [t("reasonOf"), now.reason],
    [t("who"), now.actor ?? me.value?.full_name ?? me.value?.name ?? ""],
    [money("key"), now.key],
  ];
  return (
    <div class="receipt">
      {now.repeated && (
        <p class="note-bar" role="status">
          {t("already")}
        </p>
      )}
      <dl>
        {lines.map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{value}</dd>
          </div>
        ))}
      </dl>
      {receipt.journal_no === null ? (
        <p class="quiet">{t("journalless")}</p>
      ) : (
        <JournalLink no={receipt.journal_no} />
      )}
    </div>
  );
}
