/** Matches that were made: the rule named, lines and items, the journal, and taking one apart. */
import { JournalLink } from "../../finance/journal";
import { accountName } from "../../finance/messages";
import { t as say } from "../../i18n";
import { IconButton } from "../../kit/icon";
import { moneyCell, moneyText } from "../../kit/money";
import { useResource } from "../../kit/resource";
import { Empty, Fetched } from "../../kit/states";
import { type Column, Table } from "../../kit/table";
import { momentText } from "../../kit/when";
import { may } from "../../shell/me";
import { textParam } from "../../shell/query";
import { itemKind, ruleText, t } from "./messages";
import type { Match } from "./types";

export const chosen = textParam("match", "matching");

export function Made(props: { turn: number; onUndo: (match_no: number) => void }) {
  const found = useResource<{ matches: readonly Match[] }>("/api/finance/matching/matches.json", {
    query: { turn: props.turn },
  });
  return (
    <Fetched of={found} rows={12}>
      {({ matches }) => {
        const match = matches.find((one) => String(one.match_no) === chosen.value);
        return (
          <div class="beside">
            <Table
              label={t("made")}
              columns={columns(match === undefined)}
              rows={matches}
              key_of={(one) => String(one.match_no)}
              csv="matches"
              filter
              min_px={match ? 460 : 820}
              selected={chosen.value}
              onOpen={(one) => {
                chosen.value = String(one.match_no);
              }}
              classOf={(one) => (one.undone_at === null ? "" : "is-void")}
              empty={<Empty>{t("noMatches")}</Empty>}
            />
            {match && <Detail match={match} onUndo={props.onUndo} />}
          </div>
        );
      }}
    </Fetched>
  );
}

function seconds(iso: string): number {
  return Date.parse(iso) / 1000;
}

function stateOf(match: Match): string {
  return match.undone_at === null
    ? t("stands")
    : t("isUndone", { who: match.undone_by ?? "", why: match.undo_reason ?? "" });
}

function columns(wide: boolean): readonly Column<Match>[] {
  const all: readonly (Column<Match> | false)[] = [
    { id: "no", name: t("no"), width: "64px", number: true, value: (one) => one.match_no },
    {
      id: "what",
      name: t("items"),
      head: true,
      value: (one) =>
        [...new Set(one.items.map((item) => item.owner || itemKind(item.kind)))].join(", ") || "–",
    },
    { id: "rule", name: t("rule"), value: (one) => ruleText(one.rule), width: "170px" },
    {
      id: "amount",
      name: t("amount"),
      width: "140px",
      number: true,
      value: (one) => one.lines_tiyn,
      cell: (one) => moneyText(one.lines_tiyn),
      csv: (one) => moneyCell(one.lines_tiyn),
      down: true,
    },
    wide && {
      id: "residual",
      name: t("noDifference").replace(" 0", ""),
      width: "120px",
      number: true,
      value: (one) => one.residual_tiyn,
      cell: (one) => moneyText(one.residual_tiyn, { sign: true }),
      csv: (one) => moneyCell(one.residual_tiyn),
      down: true,
    },
    wide && {
      id: "when",
      name: t("when"),
      width: "130px",
      value: (one) => seconds(one.made_at),
      cell: (one) => momentText(seconds(one.made_at)),
      csv: (one) => one.made_at,
      down: true,
    },
    wide && { id: "who", name: t("who"), width: "110px", value: (one) => one.made_by },
    wide && { id: "state", name: t("state"), value: stateOf },
  ];
  return all.filter((one) => one !== false);
}

function Detail({ match, onUndo }: { match: Match; onUndo: (match_no: number) => void }) {
  const account =
    match.residual_code === null
      ? ""
      : `${match.residual_code} ${accountName(match.residual_code)} ${match.residual_owner ?? ""}`;
  return (
    <aside class="person-pane" aria-label={t("detail", { no: String(match.match_no) })}>
      <IconButton
        icon="close"
        bare
        class="close"
        title={say("close")}
        onClick={() => {
          chosen.value = null;
        }}
      />
      <h3>{t("detail", { no: String(match.match_no) })}</h3>
      <p>
        {t("perWho", { rule: ruleText(match.rule), who: match.made_by })} ·{" "}
        {momentText(seconds(match.made_at), true)}
      </p>
      <p>{stateOf(match)}</p>
      <table class="ledger">
        <tbody>
          {match.lines.map((one) => (
            <Line
              key={`l${one.line_no}`}
              name={`${one.booked_on} ${one.counterparty_name || one.reference || one.purpose || t("lines")}`}
              tiyn={one.amount_tiyn}
            />
          ))}
          {match.items.map((one) => (
            <Line
              key={`i${one.item_no}`}
              name={`${one.item_date} ${one.code} ${one.owner} ${one.reference}`}
              tiyn={-one.amount_tiyn}
            />
          ))}
          {match.fee_tiyn !== 0 && <Line name={accountName(5160)} tiyn={match.fee_tiyn} />}
          {match.residuals.map((one) => (
            <Line
              key={`r${one.code} ${one.owner}`}
              name={t("residualPart", {
                account: `${one.code} ${accountName(one.code)} ${one.owner}`.trim(),
              })}
              tiyn={-one.amount_tiyn}
            />
          ))}
        </tbody>
        <tfoot>
          <Line
            name={
              match.residual_tiyn === 0
                ? t("noDifference")
                : match.residuals.length > 0
                  ? t("differenceAll")
                  : t("residualIs", { sum: "", account })
            }
            tiyn={match.residual_tiyn}
          />
        </tfoot>
      </table>
      {match.note !== "" && (
        <p>
          {t("note")}: {match.note}
        </p>
      )}
      <p class="quick">
        {match.journal_no !== null && <JournalLink no={match.journal_no} />}
        {match.undo_journal_no !== null && <JournalLink no={match.undo_journal_no} />}
      </p>
      {match.undone_at === null && may("accountant", "chief_accountant") && (
        <div class="ways">
          <button type="button" onClick={() => onUndo(match.match_no)}>
            {t("undo")}
          </button>
        </div>
      )}
    </aside>
  );
}

function Line({ name, tiyn }: { name: string; tiyn: number }) {
  return (
    <tr>
      <th scope="row">{name}</th>
      <td class="number">{moneyText(tiyn)}</td>
    </tr>
  );
}
