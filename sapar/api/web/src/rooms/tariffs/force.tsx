/** Into force by two people: one proposes the moment, another approves it. */
import { useSignal } from "@preact/signals";
import { language, t as say } from "../../i18n";
import { dateIn } from "../../i18n/locale";
import { send } from "../../kit/api";
import { ask, Dialog } from "../../kit/dialog";
import { MomentField, TextField } from "../../kit/fields";
import { Empty } from "../../kit/states";
import { type Column, Table } from "../../kit/table";
import { attempt } from "../../kit/toast";
import { clockText } from "../../kit/when";
import { may, me } from "../../shell/me";
import * as state from "../../shell/state";
import { t } from "./messages";
import type { Proposal, Tariffs, Version } from "./types";

/** A moment with its day and year: tariffs are of other years too. */
export function fullText(unix_s: number): string {
  const zone = state.agency.value?.timezone ?? "UTC";
  return `${dateIn(unix_s * 1000, language.value, zone, { year: true })}, ${clockText(unix_s, false)}`;
}

function sentence(version: Version): string {
  const no = String(version.version_no);
  if (version.effective_s === null) return t("isDraft", { no });
  const time = fullText(version.effective_s);
  if (version.state === "holds") return t("holdsSince", { no, time });
  return version.state === "past" ? t("isPast", { no, time }) : t("holdsFrom", { no, time });
}

export function Force(props: { of: Tariffs; version: Version; onChanged: () => void }) {
  const { version } = props;
  const proposing = useSignal(false);
  const open = props.of.proposals.find(
    (one) => one.version_no === version.version_no && one.decision === null,
  );
  const isMaker = may("accountant", "chief_accountant");
  const changeable = version.state === "draft" || version.state === "to_come";
  return (
    <div class="force">
      <p class="said">{sentence(version)}</p>
      {open && <Open proposal={open} onChanged={props.onChanged} />}
      <div class="quick">
        {isMaker && changeable && !open && (
          <button
            type="button"
            class="primary"
            onClick={() => {
              proposing.value = true;
            }}
          >
            {t("propose")}
          </button>
        )}
        {version.state === "to_come" && may("chief_accountant") && (
          <button type="button" onClick={() => void takeBack(version, props.onChanged)}>
            {t("takeBack")}
          </button>
        )}
      </div>
      <h3>{t("proposals")}</h3>
      <Table
        label={t("proposals")}
        columns={columns()}
        rows={props.of.proposals}
        key_of={(one) => String(one.proposal_no)}
        csv="tariff-proposals"
        min_px={760}
        empty={<Empty>{t("noProposals")}</Empty>}
      />
      {proposing.value && (
        <Proposing
          version={version}
          onClose={() => {
            proposing.value = false;
          }}
          onChanged={props.onChanged}
        />
      )}
    </div>
  );
}

async function takeBack(version: Version, onChanged: () => void): Promise<void> {
  const no = String(version.version_no);
  const title = t("takeBackTitle", { no });
  const note = await ask({ title, confirm: t("takeBack").replace("…", ""), reason: t("reason") });
  if (note === null) return;
  const act = (): Promise<unknown> =>
    send("POST", `/api/finance/tariffs/${no}/take-back`, { note });
  if (await attempt(act, t("takenBack", { no }))) onChanged();
}

function Open({ proposal, onChanged }: { proposal: Proposal; onChanged: () => void }) {
  const own = me.value?.user_id === proposal.proposed_by_no;
  const no = String(proposal.version_no);
  const time = fullText(proposal.effective_s);
  const decide = async (
    decision: "approved" | "declined" | "withdrawn",
    title: string,
    confirm: string,
    told: string,
  ): Promise<void> => {
    const note = await ask({ title, confirm: confirm.replace("…", ""), reason: t("reason") });
    if (note === null) return;
    const act = (): Promise<unknown> =>
      send("POST", `/api/finance/tariffs/proposals/${proposal.proposal_no}/decision`, {
        decision,
        note,
      });
    if (await attempt(act, told)) onChanged();
  };
  return (
    <section class="note-bar">
      <p>{t("proposedFor", { who: proposal.proposed_by, time, note: proposal.note })}</p>
      {own && <p>{t("own")}</p>}
      <div class="quick">
        {may("chief_accountant") && !own && (
          <button
            type="button"
            class="primary"
            onClick={() =>
              void decide(
                "approved",
                t("approveTitle", { no, time }),
                t("approve"),
                t("approved", { no, time }),
              )
            }
          >
            {t("approve")}
          </button>
        )}
        {may("chief_accountant") && !own && (
          <button
            type="button"
            onClick={() =>
              void decide("declined", t("declineTitle", { no }), t("decline"), t("declined"))
            }
          >
            {t("decline")}
          </button>
        )}
        {own && (
          <button
            type="button"
            onClick={() =>
              void decide("withdrawn", t("withdrawTitle", { no }), t("withdraw"), t("withdrawn"))
            }
          >
            {t("withdraw")}
          </button>
        )}
      </div>
    </section>
  );
}

function Proposing(props: { version: Version; onClose: () => void; onChanged: () => void }) {
  const at_s = useSignal<number | null>(null);
  const note = useSignal("");
  const no = String(props.version.version_no);
  const ready = at_s.value !== null && note.value.trim() !== "";
  const submit = async (): Promise<void> => {
    if (!ready) return;
    const body = { effective_s: at_s.value, note: note.value.trim() };
    const act = (): Promise<unknown> => send("POST", `/api/finance/tariffs/${no}/proposals`, body);
    if (await attempt(act, t("proposed"))) {
      props.onClose();
      props.onChanged();
    }
  };
  return (
    <Dialog
      open
      title={t("proposeTitle", { no })}
      onClose={props.onClose}
      actions={
        <>
          <button type="button" onClick={props.onClose}>
            {say("cancel")}
          </button>
          <button type="submit" form="propose" class="primary" disabled={!ready}>
            {t("propose").replace("…", "")}
          </button>
        </>
      }
    >
      <p>{t("proposeNote")}</p>
      <form
        id="propose"
        class="act-form"
        onSubmit={(event) => {
          event.preventDefault();
          void submit();
        }}
      >
        <MomentField
          label={t("fromWhen")}
          required
          value={at_s.value}
          timezone={state.agency.value?.timezone ?? "UTC"}
          onValue={(value) => {
            at_s.value = value;
          }}
        />
        <TextField
          label={t("reason")}
          required
          maxLength={400}
          value={note.value}
          onValue={(value) => {
            note.value = value;
          }}
        />
      </form>
    </Dialog>
  );
}

function decisionText(one: Proposal): string {
  if (one.decision === null) return t("d_open");
  return t(`d_${one.decision}`, { who: one.decided_by ?? "" });
}

function columns(): readonly Column<Proposal>[] {
  return [
    {
      id: "version",
      name: t("version"),
      width: "84px",
      number: true,
      value: (one) => one.version_no,
      head: true,
      down: true,
    },
    {
      id: "from",
      name: t("from"),
      width: "180px",
      value: (one) => one.effective_s,
      cell: (one) => fullText(one.effective_s),
      csv: (one) => new Date(one.effective_s * 1000).toISOString(),
      down: true,
    },
    {
      id: "by",
      name: t("proposedBy"),
      value: (one) => `${one.proposed_by}: ${one.note}`,
    },
    {
      id: "decision",
      name: t("decision"),
      value: (one) =>
        `${decisionText(one)}${one.decided_note === "" ? "" : `: ${one.decided_note}`}`,
    },
  ];
}
