/** One exception: what it is about, what was done, and what may be done now. */
import { useSignal } from "@preact/signals";
import { dayName, seconds } from "../../finance/days";
import { detailText } from "../../finance/details";
import { JournalLink } from "../../finance/journal";
import { kindName } from "../../finance/kinds";
import { accountName } from "../../finance/messages";
import { useOnce } from "../../finance/once";
import type { Exceptional } from "../../finance/types";
import { t as say } from "../../i18n";
import { send } from "../../kit/api";
import { ask, Dialog } from "../../kit/dialog";
import { SelectField, TextField } from "../../kit/fields";
import { IconButton } from "../../kit/icon";
import { MoneyField, moneyText } from "../../kit/money";
import { useResource } from "../../kit/resource";
import { Fetched } from "../../kit/states";
import { attempt, done } from "../../kit/toast";
import { momentText } from "../../kit/when";
import { may, me } from "../../shell/me";
import { t } from "./messages";
import { type HeldTap, RulingDialog, Rulings } from "./ruling";

interface Told {
  readonly exception: Exceptional;
  readonly history: readonly {
    readonly at: string;
    readonly actor: string;
    readonly action: string;
    readonly note: string;
  }[];
  /** Accounts that a posting may move; none: a match resolves it. */
  readonly accounts: readonly { readonly code: number; readonly has_owner: boolean }[];
  readonly tap: HeldTap | null;
}

export function Detail(props: { no: string; onClose: () => void; onChanged: () => void }) {
  const path = `/api/finance/exceptions/${props.no}`;
  const found = useResource<Told>(`${path}/history.json`);
  const ruling = useSignal<HeldTap | null>(null);
  const changed = (): void => {
    found.reload();
    props.onChanged();
  };
  return (
    <>
      <aside class="person-pane" aria-label={t("detailOf", { no: props.no })}>
        <IconButton icon="close" bare class="close" title={say("close")} onClick={props.onClose} />
        <Fetched of={found} rows={10}>
          {(told) => (
            <>
              <h3>{kindName(told.exception.kind)}</h3>
              <p class="said">{moneyText(told.exception.value_tiyn)}</p>
              <p>{detailText(told.exception.detail)}</p>
              <About one={told.exception} />
              {may("accountant", "chief_accountant") && (
                <Acts
                  path={path}
                  told={told}
                  onChanged={changed}
                  onRule={() => {
                    ruling.value = told.tap;
                  }}
                />
              )}
              {told.tap !== null && <Rulings of={told.tap} />}
              <h4>{t("history")}</h4>
              <ol class="plain-list">
                {told.history.map((line) => (
                  <li key={`${line.at} ${line.action}`}>
                    <strong>{actName(line.action)}</strong>{" "}
                    <span class="quiet">
                      {t("by", { time: momentText(seconds(line.at)), who: line.actor })}
                    </span>
                    {line.note !== "" && <p>{line.note}</p>}
                  </li>
                ))}
              </ol>
            </>
          )}
        </Fetched>
      </aside>
      {ruling.value !== null && (
        <RulingDialog
          path={path}
          tap={ruling.value}
          onChanged={changed}
          onClose={() => {
            ruling.value = null;
          }}
        />
      )}
    </>
  );
}

function actName(action: string): string {
  const key = `act_${action}`;
  return key in t.messages.en ? t(key as "act_open") : action;
}

function About({ one }: { one: Exceptional }) {
  const facts: readonly (readonly [string, string | null])[] = [
    [t("day"), one.day === null ? null : dayName(one.day)],
    [t("assignee"), one.assignee ?? t("nobody")],
    [t("card"), one.card],
    [t("ride"), one.tap_no === null ? null : String(one.tap_no)],
    [t("device"), one.device_id],
    [
      t("account"),
      one.code === null ? null : `${one.code} ${accountName(one.code)} ${one.owner ?? ""}`,
    ],
  ];
  return (
    <dl class="facts">
      {facts.map(
        ([name, value]) =>
          value !== null && (
            <div key={name}>
              <dt>{name}</dt>
              <dd>{value}</dd>
            </div>
          ),
      )}
      {one.journal_no !== null && (
        <div>
          <dt>{t("resolve").replace("…", "")}</dt>
          <dd>
            <JournalLink no={one.journal_no} />
          </dd>
        </div>
      )}
    </dl>
  );
}

function Acts(props: { path: string; told: Told; onChanged: () => void; onRule: () => void }) {
  const { path, told, onChanged } = props;
  const one = told.exception;
  const posting = useSignal(false);
  const once = useOnce();
  const perform = async (what: string, body: unknown): Promise<void> => {
    if (await attempt(() => send("POST", `${path}/${what}`, body), t("doneToast"))) onChanged();
  };
  const asking = async (what: string, title: string, text: string): Promise<void> => {
    const said = await ask({
      title,
      text,
      confirm: title.replace(/[?…]$/, ""),
      reason: t("reason"),
    });
    if (said === null) return;
    // what is accepted is what was seen: refused when it is worth something else by now
    const seen = what === "accept" ? { value_tiyn: one.value_tiyn } : {};
    await perform(what, { text: said, ...seen });
  };
  const mine = one.assignee !== null && one.assignee === me.value?.name;
  const undo = async (): Promise<void> => {
    const text = await ask({
      title: t("undo").replace("…", "?"),
      text: t("undoText"),
      confirm: t("undo").replace("…", ""),
      reason: t("reason"),
    });
    if (text === null) return;
    if (await once.run((key) => send("POST", `${path}/undo`, { text, key }))) onChanged();
  };
  const rule = told.tap !== null && told.tap.words.length > 0 && one.journal_no === null && (
    <button type="button" onClick={props.onRule}>
      {t("rule")}
    </button>
  );
  if (one.closed_at !== null) {
    return (
      <div class="actions">
        {rule}
        {one.journal_no === null ? (
          one.closed_by !== "sapar" &&
          told.tap?.decided !== true && (
            <button
              type="button"
              onClick={() => void asking("reopen", t("reopen").replace("…", "?"), "")}
            >
              {t("reopen")}
            </button>
          )
        ) : (
          <button type="button" onClick={() => void undo()}>
            {t("undo")}
          </button>
        )}
      </div>
    );
  }
  return (
    <div class="actions">
      <button
        type="button"
        onClick={() => void perform("assign", { to: mine ? null : (me.value?.name ?? null) })}
      >
        {t(mine ? "giveBack" : "take")}
      </button>
      <button
        type="button"
        onClick={() => void asking("comment", t("commentTitle"), t("commentText"))}
      >
        {t("comment")}
      </button>
      {one.accepted_at === null ? (
        <button
          type="button"
          onClick={() => void asking("accept", t("acceptTitle"), t("acceptText"))}
        >
          {t("accept")}
        </button>
      ) : (
        <button type="button" onClick={() => void asking("unaccept", t("unaccept"), "")}>
          {t("unaccept")}
        </button>
      )}
      {rule}
      {told.accounts.length > 0 && (
        <button
          type="button"
          onClick={() => {
            posting.value = true;
          }}
        >
          {t("resolve")}
        </button>
      )}
      <button type="button" onClick={() => void asking("close", t("closeTitle"), t("closeText"))}>
        {t("closeIt")}
      </button>
      {posting.value && (
        <Posting
          path={path}
          told={told}
          onClose={() => {
            posting.value = false;
          }}
          onDone={() => {
            posting.value = false;
            done(t("doneToast"));
            onChanged();
          }}
        />
      )}
    </div>
  );
}

interface Side {
  readonly code: number | null;
  readonly owner: string;
}

function Posting(props: { path: string; told: Told; onClose: () => void; onDone: () => void }) {
  const { told } = props;
  const one = told.exception;
  const about: Side = { code: one.code, owner: one.owner ?? "" };
  const debit = useSignal<Side>({ code: null, owner: "" });
  const credit = useSignal<Side>(about);
  const tiyn = useSignal<number | null>(null);
  const reason = useSignal("");
  const once = useOnce();
  const whole = (side: Side): boolean => {
    const account = told.accounts.find((each) => each.code === side.code);
    return account !== undefined && (!account.has_owner || side.owner.trim() !== "");
  };
  const ready =
    whole(debit.value) &&
    whole(credit.value) &&
    tiyn.value !== null &&
    reason.value.trim() !== "" &&
    !once.busy;
  const submit = async (): Promise<void> => {
    const amount = tiyn.value ?? 0;
    const entries = [
      [debit.value.code, debit.value.owner.trim(), amount],
      [credit.value.code, credit.value.owner.trim(), -amount],
    ];
    const text = reason.value.trim();
    const path = `${props.path}/resolve`;
    if (await once.run((key) => send("POST", path, { entries, text, key }))) props.onDone();
  };
  return (
    <Dialog
      open
      title={t("resolveTitle")}
      onClose={props.onClose}
      actions={
        <>
          <button type="button" onClick={props.onClose}>
            {say("cancel")}
          </button>
          <button type="submit" form="resolve" class="primary" disabled={!ready}>
            {t("post")}
          </button>
        </>
      }
    >
      <form
        id="resolve"
        class="act-form"
        onSubmit={(event) => {
          event.preventDefault();
          if (ready) void submit();
        }}
      >
        <p>{t("resolveText")}</p>
        {(
          [
            ["debit", debit],
            ["credit", credit],
          ] as const
        ).map(([name, side]) => (
          <div class="filters" key={name}>
            <SelectField
              label={t(name)}
              required
              value={side.value.code === null ? "" : String(side.value.code)}
              none="–"
              choices={told.accounts.map(({ code }) => ({
                value: String(code),
                name: `${code} ${accountName(code)}`,
              }))}
              onValue={(value) => {
                side.value = { ...side.value, code: value === "" ? null : Number(value) };
              }}
            />
            {told.accounts.find((each) => each.code === side.value.code)?.has_owner && (
              <TextField
                label={t("owner")}
                required
                maxLength={64}
                value={side.value.owner}
                onValue={(owner) => {
                  side.value = { ...side.value, owner };
                }}
              />
            )}
          </div>
        ))}
        <MoneyField
          label={t("amount")}
          required
          hint={moneyText(one.value_tiyn)}
          onValue={(value) => {
            tiyn.value = value;
          }}
        />
        <TextField
          label={t("reason")}
          required
          maxLength={500}
          value={reason.value}
          onValue={(text) => {
            reason.value = text;
          }}
        />
      </form>
    </Dialog>
  );
}
