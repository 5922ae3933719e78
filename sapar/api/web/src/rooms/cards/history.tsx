/** The history of a card: every movement with its price and journals, and holes in the counter. */
import { JournalLink } from "../../finance/journal";
import { t as say } from "../../i18n";
import { Switch } from "../../kit/fields";
import { IconButton } from "../../kit/icon";
import { moneyCell, moneyText } from "../../kit/money";
import { Empty } from "../../kit/states";
import { type Column, Table } from "../../kit/table";
import { momentText } from "../../kit/when";
import { openOperation } from "./acting";
import { adjustmentText, kindText, statusText, t } from "./messages";
import { openReceipt } from "./receipt";
import { historyOf, type MovementRow, type Part, parts, type Row, sumOf } from "./rows";
import type { Card, Choices, Done, Ride } from "./types";

export function History(props: {
  card: Card;
  choices: Choices;
  part: Part;
  onPart: (part: Part) => void;
  chosen: string | null;
  onChosen: (id: string | null) => void;
}) {
  const rows = historyOf(props.card, props.part);
  const row = rows.find((one) => one.id === props.chosen && one.kind === "movement");
  return (
    <div class="beside">
      <Table
        label={t("history")}
        columns={columns(row === undefined)}
        rows={rows}
        key_of={(one) => one.id}
        csv={`card-${props.card.card_no}`}
        min_px={row ? 460 : 960}
        selected={props.chosen}
        onOpen={(one) => props.onChosen(one.kind === "movement" ? one.id : null)}
        classOf={(one) => (one.kind === "hole" ? "is-hole" : countsNot(one) ? "is-void" : "")}
        empty={<Empty>{t("noMovements")}</Empty>}
        foot={
          <>
            <Switch
              label={t("show")}
              value={props.part}
              choices={parts.map((value) => ({ value, name: t(value) }))}
              onValue={props.onPart}
            />
            {props.part !== "all" && (
              <span>{t("sumIs", { sum: moneyText(sumOf(rows, props.part)) })}</span>
            )}
          </>
        }
      />
      {row?.kind === "movement" && (
        <Detail row={row} choices={props.choices} onClose={() => props.onChosen(null)} />
      )}
    </div>
  );
}

function countsNot(row: MovementRow): boolean {
  const { ride } = row.movement;
  return ride !== null && ride.status !== "posted";
}

function whatOf(row: Row): string {
  if (row.kind === "hole") {
    const n = row.to - row.from + 1;
    return t("hole", { n, from: String(row.from), to: String(row.to) });
  }
  const { movement } = row;
  const { ride } = movement;
  if (!ride) {
    const waits = movement.amount_tiyn === 0 && movement.pending_tiyn > 0;
    return waits ? t("waiting") : kindText(movement.kind);
  }
  const said = [t("rideOn", { route: ride.route_id ?? "–", bus: ride.vehicle_id ?? "–" })];
  if (ride.num_riders > 1) said.push(t("riders", { n: ride.num_riders }));
  if (ride.status !== "posted") said.push(`${statusText(ride.status)}: ${ride.code ?? ""}`);
  return said.join(" · ");
}

/** "concession −40 ₸ akimat, rule". */
function ruleOf(row: Row): string {
  if (row.kind === "hole") return t("holeNote");
  const { movement } = row;
  const said = (movement.ride?.adjustments ?? []).map(
    ([kind, funder, tiyn]) => `${adjustmentText(kind)} ${moneyText(-tiyn)} (${funder})`,
  );
  const rule = movement.rule === movement.kind ? "" : movement.rule;
  return [...said, rule].filter((one) => one !== "").join(" · ");
}

function moved(row: Row): number | null {
  if (row.kind === "hole") return null;
  const { amount_tiyn, pending_tiyn, deposit_tiyn } = row.movement;
  return amount_tiyn || pending_tiyn || deposit_tiyn;
}

function columns(wide: boolean): readonly Column<Row>[] {
  const all: readonly (Column<Row> | false)[] = [
    {
      id: "time",
      name: t("time"),
      width: "132px",
      value: (row) => row.at_ms,
      cell: (row) => (row.kind === "hole" ? "" : momentText(row.at_ms / 1000)),
      csv: (row) => new Date(row.at_ms).toISOString(),
      sortable: false,
    },
    { id: "what", name: t("what"), value: whatOf, head: true, sortable: false },
    {
      id: "amount",
      name: t("amount"),
      width: "112px",
      number: true,
      value: moved,
      cell: (row) => (row.kind === "hole" ? "" : moneyText(moved(row), { sign: true })),
      csv: (row) => moneyCell(moved(row)),
      sortable: false,
    },
    {
      id: "after",
      name: t("after"),
      width: "112px",
      number: true,
      value: (row) => (row.kind === "hole" ? null : row.movement.balance_tiyn),
      cell: (row) => (row.kind === "hole" ? "" : moneyText(row.movement.balance_tiyn)),
      csv: (row) => (row.kind === "hole" ? null : moneyCell(row.movement.balance_tiyn)),
      sortable: false,
    },
    wide && { id: "rule", name: t("rule"), value: ruleOf, width: "26%", sortable: false },
    wide && {
      id: "counter",
      name: t("counter"),
      width: "84px",
      number: true,
      value: (row) => (row.kind === "hole" ? `${row.from}–${row.to}` : row.counter),
      cell: (row) => (row.kind === "hole" ? "" : (row.counter ?? "")),
      sortable: false,
    },
    wide && {
      id: "journals",
      name: t("journals"),
      width: "84px",
      number: true,
      value: (row) => (row.kind === "hole" ? "" : row.movement.journals.join(" ")),
      sortable: false,
    },
  ];
  return all.filter((one) => one !== false);
}

function Detail(props: { row: MovementRow; choices: Choices; onClose: () => void }) {
  const { movement, counter } = props.row;
  const { ride } = movement;
  return (
    <aside class="person-pane" aria-label={whatOf(props.row)}>
      <IconButton icon="close" bare class="close" title={say("close")} onClick={props.onClose} />
      <h3>{ride ? t("details", { no: String(ride.tap_no) }) : kindText(movement.kind)}</h3>
      <p>
        {momentText(movement.at_ms / 1000, true)} · {whatOf(props.row)}
      </p>
      {ride && <Price ride={ride} />}
      <dl class="facts">
        <Fact name={t("rule")} value={movement.rule} />
        {ride && <Fact name={t("status")} value={statusText(ride.status)} />}
        {ride?.device_id && <Fact name={t("device")} value={ride.device_id} />}
        {counter !== null && <Fact name={t("counter")} value={String(counter)} />}
        {ride?.tariff_version && (
          <Fact
            name={t("category")}
            value={`${ride.rider_category ?? "–"}. ${t("priced", {
              version: ride.tariff_version,
              product: ride.product_id ?? "–",
            })}`}
          />
        )}
      </dl>
      <p>{t("journals")}</p>
      <ul>
        {movement.journals.map((no) => (
          <li key={no}>
            <JournalLink no={no} />
          </li>
        ))}
      </ul>
      {ride &&
        ride.status === "posted" &&
        props.choices.operations.includes("refund_tap") &&
        ride.charged_tiyn > ride.refunded_tiyn && (
          <div class="ways">
            <button type="button" onClick={() => openOperation("refund_tap", ride)}>
              {t("do_refund_tap")}
            </button>
          </div>
        )}
    </aside>
  );
}

/** Price less what others bear = what the card paid. */
function Price({ ride }: { ride: Ride }) {
  return (
    <table class="ledger">
      <tbody>
        <Line name={t("price")} tiyn={ride.nominal_tiyn} />
        {ride.adjustments.map(([kind, funder, tiyn]) => (
          <Line
            key={`${kind} ${funder}`}
            name={t("paidBy", { kind: adjustmentText(kind), funder })}
            tiyn={-tiyn}
          />
        ))}
      </tbody>
      <tfoot>
        <Line name={t("paidByCard")} tiyn={ride.charged_tiyn} />
        {ride.refunded_tiyn > 0 && <Line name={t("refunded")} tiyn={-ride.refunded_tiyn} />}
      </tfoot>
    </table>
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

function Fact({ name, value }: { name: string; value: string }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{value}</dd>
    </div>
  );
}

/** Operations with their receipts. */
export function Operations({ card }: { card: Card }) {
  const columns: readonly Column<Done>[] = [
    {
      id: "time",
      name: t("time"),
      width: "132px",
      value: (one) => one.done_at_ms,
      cell: (one) => momentText(one.done_at_ms / 1000),
      csv: (one) => new Date(one.done_at_ms).toISOString(),
      down: true,
    },
    { id: "kind", name: t("operation"), value: (one) => kindText(one.kind), head: true },
    {
      id: "amount",
      name: t("amount"),
      width: "120px",
      number: true,
      value: (one) => one.amount_tiyn,
      cell: (one) => moneyText(one.amount_tiyn),
      csv: (one) => moneyCell(one.amount_tiyn),
    },
    { id: "who", name: t("who"), value: (one) => one.actor, width: "130px" },
    { id: "reason", name: t("reasonOf"), value: (one) => one.reason },
  ];
  return (
    <Table
      label={t("receipts")}
      columns={columns}
      rows={card.operations}
      key_of={(one) => one.key}
      csv={`card-${card.card_no}-operations`}
      min_px={640}
      onOpen={(one) =>
        openReceipt({
          card: card.label,
          key: one.key,
          kind: one.kind,
          amount_tiyn: one.amount_tiyn,
          reason: one.reason,
          receipt: one.receipt,
          at_s: one.done_at_ms / 1000,
          actor: one.actor,
          repeated: false,
        })
      }
      empty={<Empty>{t("noOperations")}</Empty>}
    />
  );
}
