/** Cash desks of our own: which there are, what each has taken, who takes money there. */
import { signal, useSignal } from "@preact/signals";
import { t as shared } from "../../finance/messages";
import { t as say } from "../../i18n";
import { send } from "../../kit/api";
import { Dialog } from "../../kit/dialog";
import { CheckField, Switch, TextField } from "../../kit/fields";
import { moneyCell, moneyText } from "../../kit/money";
import { Empty } from "../../kit/states";
import { type Column, Table } from "../../kit/table";
import { attempt } from "../../kit/toast";
import { may } from "../../shell/me";
import { t } from "./messages";
import type { CashDesk, Parties, Seller } from "./types";

/** The desk that is written down; "new" for one that is not there yet. */
const writing = signal<CashDesk | "new" | null>(null);

export function openDesk(desk: CashDesk | "new"): void {
  writing.value = desk;
}

function called(one: Seller): string {
  const name = one.full_name || one.name;
  return one.ended ? t("hasLeft", { name }) : name;
}

export function Desks({ all, onChanged }: { all: Parties; onChanged: () => void }) {
  const chief = may("chief_accountant");
  const columns: readonly Column<CashDesk>[] = [
    { id: "id", name: t("deskId"), head: true, width: "170px", value: (one) => one.desk_id },
    { id: "name", name: t("name"), value: (one) => one.name },
    { id: "place", name: t("place"), value: (one) => one.place },
    {
      id: "state",
      name: t("state"),
      width: "110px",
      value: (one) => t(`desk_${one.status}`),
    },
    {
      id: "balance",
      name: t("deskHolds"),
      width: "132px",
      number: true,
      value: (one) => one.balance_tiyn,
      cell: (one) => moneyText(one.balance_tiyn),
      csv: (one) => moneyCell(one.balance_tiyn),
      down: true,
    },
    { id: "people", name: t("sellers"), value: (one) => one.sellers.map(called).join(", ") || "–" },
  ];
  const require = async (required: boolean): Promise<void> => {
    const set = (value: boolean) => () =>
      send("POST", "/api/finance/agents/rule", { required: value });
    const back = async (): Promise<void> => {
      await set(!required)();
      onChanged();
    };
    if (await attempt(set(required), t(required ? "requiredNow" : "requiredNot"), back)) {
      onChanged();
    }
  };
  return (
    <>
      <p class="quiet">{t(all.desks.length === 0 ? "desksNone" : "desksText")}</p>
      <Table
        label={t("desks")}
        columns={columns}
        rows={all.desks}
        key_of={(one) => one.desk_id}
        csv="cash-desks"
        min_px={760}
        {...(chief ? { onOpen: openDesk } : {})}
        empty={<Empty>{t("noDesks")}</Empty>}
      />
      {chief && (
        <CheckField
          label={t("requireTick")}
          checked={all.required}
          onChecked={(required) => void require(required)}
        />
      )}
    </>
  );
}

/** The place of the dialog; the room holds it. */
export function DeskPlace(props: { all: Parties; onChanged: () => void }) {
  const desk = writing.value;
  if (desk === null) return null;
  return <Write key={desk === "new" ? "" : desk.desk_id} desk={desk} {...props} />;
}

function Write(props: { desk: CashDesk | "new"; all: Parties; onChanged: () => void }) {
  const { all } = props;
  const old = props.desk === "new" ? null : props.desk;
  const id = useSignal(old?.desk_id ?? "");
  const name = useSignal(old?.name ?? "");
  const place = useSignal(old?.place ?? "");
  const status = useSignal<CashDesk["status"]>(old?.status ?? "open");
  const sellers = useSignal<ReadonlySet<number>>(
    new Set(old?.sellers.map(({ user_id }) => user_id) ?? []),
  );
  const busy = useSignal(false);
  const people = [
    ...all.cashiers,
    ...(old?.sellers.filter(
      ({ user_id }) => !all.cashiers.some((one) => one.user_id === user_id),
    ) ?? []),
  ];
  const ready = id.value.trim() !== "" && name.value.trim() !== "" && !busy.value;
  const close = (): void => {
    writing.value = null;
  };
  const path = `/api/finance/cash-desks/${encodeURIComponent(id.value.trim())}`;
  const save = async (): Promise<void> => {
    if (!ready) return;
    const desk = {
      name: name.value.trim(),
      place: place.value.trim(),
      status: status.value,
      sellers: [...sellers.value],
    };
    const back = async (): Promise<void> => {
      if (old === null) return;
      const was = {
        name: old.name,
        place: old.place,
        status: old.status,
        sellers: old.sellers.map(({ user_id }) => user_id),
      };
      await send("POST", path, { desk: was, reason: t("termsUndone") });
      props.onChanged();
    };
    busy.value = true;
    const kept = await attempt(
      () => send("POST", path, { desk }),
      t("deskKept", { name: desk.name }),
      old === null ? null : back,
    );
    busy.value = false;
    if (!kept) return;
    close();
    props.onChanged();
  };
  return (
    <Dialog
      open
      title={old === null ? t("newDesk") : t("deskTitle", { name: old.name })}
      onClose={close}
      actions={
        <>
          <button type="button" onClick={close}>
            {say("cancel")}
          </button>
          <button type="submit" form="cash-desk" class="primary" disabled={!ready}>
            {t("save")}
          </button>
        </>
      }
    >
      <form
        id="cash-desk"
        class="act-form"
        onSubmit={(event) => {
          event.preventDefault();
          void save();
        }}
      >
        <TextField
          label={t("deskId")}
          hint={t("idHint")}
          required
          disabled={old !== null}
          maxLength={40}
          value={id.value}
          onValue={(value) => {
            id.value = value;
          }}
        />
        <TextField
          label={t("name")}
          required
          maxLength={200}
          value={name.value}
          onValue={(value) => {
            name.value = value;
          }}
        />
        <TextField
          label={t("place")}
          maxLength={200}
          value={place.value}
          onValue={(value) => {
            place.value = value;
          }}
        />
        <Switch
          label={t("state")}
          value={status.value}
          choices={(["open", "closed"] as const).map((value) => ({
            value,
            name: t(`desk_${value}`),
          }))}
          onValue={(value) => {
            status.value = value;
          }}
        />
        <fieldset class="plain-list">
          <legend>{t("sellers")}</legend>
          {people.length === 0 && <p class="quiet">{t("noCashiers")}</p>}
          {people.map((one) => (
            <CheckField
              key={one.user_id}
              label={called(one)}
              checked={sellers.value.has(one.user_id)}
              onChecked={(on) => {
                const next = new Set(sellers.value);
                if (on) next.add(one.user_id);
                else next.delete(one.user_id);
                sellers.value = next;
              }}
            />
          ))}
        </fieldset>
        {old === null && all.desks.length === 0 && <p class="note-bar">{t("firstDesk")}</p>}
        <p class="quiet">
          {t(old === null ? "deskUndoNew" : "deskUndo")} {shared("reasonHint")}
        </p>
      </form>
    </Dialog>
  );
}
