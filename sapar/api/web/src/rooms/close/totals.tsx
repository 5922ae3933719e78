/** What a closed day came to, as its report says; every total opens the journals that it is made of. */
import { useSignal } from "@preact/signals";
import { JournalLink } from "../../finance/journal";
import { accountName } from "../../finance/messages";
import type { DayTold } from "../../finance/types";
import { getJson } from "../../kit/api";
import { Dialog } from "../../kit/dialog";
import { moneyText } from "../../kit/money";
import { useResource } from "../../kit/resource";
import { Fetched } from "../../kit/states";
import { failed } from "../../kit/toast";
import { numberText } from "../../kit/when";
import { t } from "./messages";

interface Sums {
  readonly key: string;
  readonly taps: number;
  readonly riders: number;
  readonly earned_tiyn: number;
  readonly funders_tiyn: number;
}

interface Report {
  readonly totals: {
    readonly day: {
      readonly by: { readonly carrier: readonly Sums[]; readonly funder: readonly Sums[] };
    };
    readonly accounts: readonly {
      readonly code: number;
      readonly owner: string;
      readonly debits: number;
      readonly credits: number;
    }[];
  };
}

/** A total: an account, of rides alone or of all that moved it. */
interface Which {
  readonly code: number;
  readonly owner: string;
  readonly taps?: "1";
}

interface Part {
  readonly journal_no: number;
  readonly kind: string;
  readonly tap_no: number | null;
  readonly source_key: string | null;
  readonly route: string | null;
  readonly rider_category: string | null;
  readonly entries: readonly {
    readonly code: number;
    readonly owner: string;
    readonly amount: number;
  }[];
}

interface Page {
  readonly parts: readonly Part[];
  readonly next_after: number | null;
}

const fares = 2210;
const budgets = 1220;
const boardings_from = 9000;

function amountText(code: number, amount: number): string {
  return code < boardings_from ? moneyText(amount) : numberText(amount);
}

export function Totals({ told }: { told: DayTold }) {
  const day = told.status.business_date;
  const revision = Math.max(...told.reports.map((one) => one.revision));
  const found = useResource<Report>(`/api/finance/days/${day}/report`, {
    query: { form: "json", revision: String(revision) },
  });
  const opened = useSignal<Which | null>(null);
  const open = (which: Which) => () => {
    opened.value = which;
  };
  return (
    <section class="block">
      <h3>{t("totals")}</h3>
      <p class="quiet">{t("totalsText")}</p>
      <Fetched of={found} rows={8}>
        {({ totals }) => (
          <>
            <Rides title={t("carriers")} rows={totals.day.by.carrier} code={fares} open={open} />
            <Rides title={t("budgets")} rows={totals.day.by.funder} code={budgets} open={open} />
            <h4>{t("accounts")}</h4>
            <div class="scroll-x">
              <table class="ledger">
                <thead>
                  <tr>
                    <th scope="col">{t("account")}</th>
                    <th scope="col" class="number">
                      {t("debits")}
                    </th>
                    <th scope="col" class="number">
                      {t("credits")}
                    </th>
                  </tr>
                </thead>
                <tbody>
                  {totals.accounts.map(({ code, owner, debits, credits }) => (
                    <tr key={`${code} ${owner}`}>
                      <td>
                        <button type="button" class="inline" onClick={open({ code, owner })}>
                          {code} {accountName(code)} {owner}
                        </button>
                      </td>
                      <td class="number">{amountText(code, debits)}</td>
                      <td class="number">{amountText(code, credits)}</td>
                    </tr>
                  ))}
                </tbody>
              </table>
            </div>
          </>
        )}
      </Fetched>
      {opened.value !== null && (
        <Parts
          key={`${opened.value.code} ${opened.value.owner}`}
          day={day}
          which={opened.value}
          onClose={() => {
            opened.value = null;
          }}
        />
      )}
    </section>
  );
}

function Rides(props: {
  title: string;
  rows: readonly Sums[];
  code: number;
  open: (which: Which) => () => void;
}) {
  const { rows, code } = props;
  if (rows.length === 0) return null;
  return (
    <>
      <h4>{props.title}</h4>
      <div class="scroll-x">
        <table class="ledger">
          <thead>
            <tr>
              <th scope="col">{t("whose")}</th>
              <th scope="col" class="number">
                {t("ev_taps")}
              </th>
              {code === fares && (
                <th scope="col" class="number">
                  {t("ev_riders")}
                </th>
              )}
              <th scope="col" class="number">
                {t(code === fares ? "earned" : "owed")}
              </th>
            </tr>
          </thead>
          <tbody>
            {rows.map((one) => (
              <tr key={one.key}>
                <td>
                  <button
                    type="button"
                    class="inline"
                    onClick={props.open({ code, owner: one.key, taps: "1" })}
                  >
                    {one.key}
                  </button>
                </td>
                <td class="number">{numberText(one.taps)}</td>
                {code === fares && <td class="number">{numberText(one.riders)}</td>}
                <td class="number">
                  {moneyText(code === fares ? one.earned_tiyn : one.funders_tiyn)}
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </>
  );
}

/** The journals behind a total, a page at a time; one opens over them. */
function Parts(props: { day: string; which: Which; onClose: () => void }) {
  const { day, which } = props;
  const path = `/api/finance/days/${day}/parts.json`;
  const query = { ...which, code: String(which.code) };
  const found = useResource<Page>(path, { query });
  const more = useSignal<Page | null>(null);
  const name = `${which.code} ${accountName(which.code)} ${which.owner}`;
  const moved = (part: Part): number =>
    part.entries
      .filter((one) => one.code === which.code && (which.owner === "" || one.owner === which.owner))
      .reduce((sum, one) => sum + one.amount, 0);
  const next = async (after: number): Promise<void> => {
    try {
      const page = await getJson<Page>(path, { query: { ...query, after: String(after) } });
      more.value = { ...page, parts: [...(more.peek()?.parts ?? []), ...page.parts] };
    } catch (error) {
      failed(error);
    }
  };
  return (
    <Dialog open wide title={t("partsOf", { what: name })} onClose={props.onClose}>
      <Fetched of={found} rows={10}>
        {(first) => {
          const parts = [...first.parts, ...(more.value?.parts ?? [])];
          const after = more.value === null ? first.next_after : more.value.next_after;
          return (
            <>
              <p class="quiet">{t("partsText")}</p>
              <div class="scroll-x">
                <table class="ledger">
                  <thead>
                    <tr>
                      <th scope="col">{t("journal")}</th>
                      <th scope="col">{t("what")}</th>
                      <th scope="col" class="number">
                        {t("moved")}
                      </th>
                    </tr>
                  </thead>
                  <tbody>
                    {parts.map((part) => (
                      <tr key={part.journal_no}>
                        <td>
                          <JournalLink no={part.journal_no} />
                        </td>
                        <td>{partText(part)}</td>
                        <td class="number">{amountText(which.code, moved(part))}</td>
                      </tr>
                    ))}
                  </tbody>
                </table>
              </div>
              {after !== null && (
                <button type="button" onClick={() => void next(after)}>
                  {t("more")}
                </button>
              )}
            </>
          );
        }}
      </Fetched>
    </Dialog>
  );
}

function partText(part: Part): string {
  if (part.tap_no === null) return part.source_key ?? part.kind;
  const said = [t("ride", { no: String(part.tap_no) })];
  if (part.route) said.push(t("route", { route: part.route }));
  if (part.rider_category) said.push(part.rider_category);
  return said.join(", ");
}
