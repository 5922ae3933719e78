/** What to tell the rider: the sentence, the figures with their parts, why the card is blocked. */
import { useId } from "preact/hooks";
import { CardLink } from "../../finance/journal";
import { moneyText } from "../../kit/money";
import { clockText, dayText, momentText } from "../../kit/when";
import { openOperation, openTakeBack } from "./acting";
import { blockText, t } from "./messages";
import type { Part } from "./rows";
import { passesNow, passText, sentencesOf } from "./says";
import type { Block, Card, Choices, Operation } from "./types";

export function About(props: {
  card: Card;
  choices: Choices;
  part: Part;
  onPart: (part: Part) => void;
}) {
  const { card } = props;
  const { statement } = card;
  const open = statement.blocks.find(({ to_ms }) => to_ms === null);
  const category = props.choices.categories[statement.category] ?? statement.category;
  const figures: readonly (readonly [Part, string, number])[] = [
    ["balance", t("balance"), statement.purse_tiyn - statement.debt_tiyn],
    ["pending", t("pending"), statement.pending_tiyn],
    ["deposit", t("deposit"), statement.deposit_tiyn],
  ];
  return (
    <div class="card-about">
      <p class="card-name">
        <span class="card-label">{card.label}</span> {category}
        {card.replaces && (
          <>
            {" · "}
            <CardLink
              card={card.replaces}
              text={t("saysReplaces", { card: card.replaces.label })}
            />
          </>
        )}
      </p>
      <p class="said" role="status">
        {sentencesOf(card).join(" ")} {card.replaced_by && <CardLink card={card.replaced_by} />}
      </p>
      {open && <WhyBlocked block={open} />}
      <div class="figures">
        {figures.map(([part, name, tiyn]) => (
          <button
            type="button"
            key={part}
            aria-pressed={props.part === part}
            onClick={() => props.onPart(props.part === part ? "all" : part)}
          >
            <span>{name}</span>
            <strong>{moneyText(tiyn)}</strong>
          </button>
        ))}
      </div>
      <Passes card={card} choices={props.choices} />
      <Operations card={card} choices={props.choices} />
      <Before blocks={statement.blocks.filter((one) => one !== open)} />
    </div>
  );
}

function WhyBlocked({ block }: { block: Block }) {
  return (
    <section class="note-bar" aria-label={t("blockedTitle")}>
      <h3>{t("blockedTitle")}</h3>
      <p>
        {blockText(block.reason)}
        {block.note !== "" && ` – ${block.note}`},{" "}
        {t("since", { time: momentText(block.from_ms / 1000), who: block.actor })}
      </p>
      {block.owed.length > 0 && (
        <>
          <p>{t("owedFor")}</p>
          <ul>
            {block.owed.map((one) => (
              <li key={one.at_ms}>
                {momentText(one.at_ms / 1000)} · {moneyText(one.amount_tiyn)}
                {one.ride &&
                  ` · ${t("rideOn", { route: one.ride.route_id ?? "–", bus: one.ride.vehicle_id ?? "–" })}`}
              </li>
            ))}
          </ul>
        </>
      )}
    </section>
  );
}

/** Passes that are not over, for whoever may take one back. */
function Passes({ card, choices }: { card: Card; choices: Choices }) {
  const { status } = card.statement;
  const passes = passesNow(card);
  const id = useId();
  const may = choices.operations.includes("take_back_pass");
  if (!may || passes.length === 0 || (status !== "active" && status !== "blocked")) return null;
  return (
    <ul class="card-passes" aria-label={t("passes")}>
      {passes.map((pass) => (
        <li key={pass[3]}>
          <span id={`${id}-${pass[3]}`}>{passText(pass)}</span>
          <button
            type="button"
            aria-describedby={`${id}-${pass[3]}`}
            onClick={() => openTakeBack(pass)}
          >
            {t("do_take_back_pass")}
          </button>
        </li>
      ))}
    </ul>
  );
}

function Before({ blocks }: { blocks: readonly Block[] }) {
  if (blocks.length === 0) return null;
  return (
    <details>
      <summary>{t("blocksBefore")}</summary>
      <ul>
        {blocks.map((one) => (
          <li key={one.from_ms}>
            {blockText(one.reason)}
            {one.note !== "" && ` – ${one.note}`},{" "}
            {t("fromTo", {
              from: momentText(one.from_ms / 1000),
              to: `${dayText((one.to_ms ?? 0) / 1000)}, ${clockText((one.to_ms ?? 0) / 1000, false)}`,
              who: one.actor,
            })}
          </li>
        ))}
      </ul>
    </details>
  );
}

/** Whether an operation makes sense for the card as it stands. */
function fits(operation: Operation, card: Card): boolean {
  const { statement } = card;
  const blocked = statement.blocks.some(({ to_ms }) => to_ms === null);
  const gone = statement.status === "returned" || statement.status === "replaced";
  // beside its ride, beside its pass
  if (operation === "refund_tap" || operation === "take_back_pass") return false;
  if (operation === "unblock") return blocked && !gone;
  if (operation === "write_off") return statement.debt_tiyn > 0;
  if (operation === "replace") return statement.status !== "returned";
  if (operation === "block") return !blocked && !gone;
  if (operation === "top_up") {
    const why = statement.blocks.find(({ to_ms }) => to_ms === null)?.reason;
    return !gone && statement.status !== "unknown" && (!blocked || why === "debt");
  }
  if (operation === "sell_pass") {
    return statement.status === "active" && card.passes_on_offer.length > 0;
  }
  if (operation === "withdraw") return statement.status === "active" && statement.purse_tiyn > 0;
  if (operation === "return")
    return statement.status === "active" || statement.status === "blocked";
  if (operation === "pay_out") {
    return card.operations.some(({ kind }) => kind === "return" || kind === "withdraw");
  }
  return !gone && statement.status !== "unknown";
}

const order: readonly Operation[] = [
  "top_up",
  "sell_pass",
  "block",
  "unblock",
  "replace",
  "change_category",
  "withdraw",
  "return",
  "pay_out",
  "goodwill",
  "write_off",
];

function Operations({ card, choices }: { card: Card; choices: Choices }) {
  const offered = order.filter((one) => choices.operations.includes(one) && fits(one, card));
  if (offered.length === 0) return null;
  return (
    <div class="quick" role="group" aria-label={t("operation")}>
      {offered.map((operation, at) => (
        <button
          type="button"
          key={operation}
          class={at === 0 ? "primary" : ""}
          onClick={() => openOperation(operation)}
        >
          {t(`do_${operation}` as Parameters<typeof t>[0])}
        </button>
      ))}
    </div>
  );
}

/** Opens an operation's dialog, if it fits the card and this person may do it; for the keys. */
export function begin(operation: Operation, card: Card, choices: Choices): void {
  if (choices.operations.includes(operation) && fits(operation, card)) openOperation(operation);
}
