/** What /api/finance/cards tells; amounts in tiyn, times in Unix milliseconds. */
import type { Entry } from "../../finance/entries";

export interface Ride {
  readonly tap_no: number;
  readonly device_id: string | null;
  readonly vehicle_id: string | null;
  readonly route_id: string | null;
  readonly num_riders: number;
  readonly status: "posted" | "held" | "denied";
  readonly code: string | null;
  readonly product_id: string | null;
  readonly rider_category: string | null;
  readonly tariff_version: number | null;
  readonly nominal_tiyn: number;
  readonly charged_tiyn: number;
  readonly adjustments: readonly (readonly [kind: string, funder: string, tiyn: number])[];
  readonly refunded_tiyn: number;
}

export interface Movement {
  readonly at_ms: number;
  readonly kind: string;
  readonly amount_tiyn: number;
  readonly balance_tiyn: number;
  readonly deposit_tiyn: number;
  readonly pending_tiyn: number;
  readonly rule: string;
  readonly journals: readonly number[];
  readonly ride: Ride | null;
}

export interface Block {
  readonly reason: string;
  readonly note: string;
  readonly actor: string;
  readonly from_ms: number;
  readonly to_ms: number | null;
  readonly owed: readonly Movement[];
}

/** A pass of the card, with the number of its sale and what was paid for it. */
export type Pass = readonly [
  product: string,
  from_ms: number,
  to_ms: number,
  sale_no: number,
  price_tiyn: number,
];

export interface Statement {
  readonly status: "unknown" | "active" | "blocked" | "replaced" | "returned";
  readonly category: string;
  readonly purse_tiyn: number;
  readonly debt_tiyn: number;
  readonly deposit_tiyn: number;
  readonly pending_tiyn: number;
  readonly passes: readonly Pass[];
  readonly pending: readonly (readonly [tiyn: number, paid_ms: number, expires_ms: number])[];
  readonly blocks: readonly Block[];
  readonly movements: readonly Movement[];
}

export interface OtherCard {
  readonly card_no: number;
  readonly label: string;
}

/** What an operation came to. */
export interface Receipt {
  readonly operation: string;
  readonly status: string;
  readonly journal_no: number | null;
  readonly purse_tiyn: number;
  readonly debt_tiyn: number;
  readonly deposit_tiyn: number;
  readonly pending_tiyn: number;
}

export interface Done {
  readonly key: string;
  readonly kind: string;
  readonly actor: string;
  readonly at_ms: number;
  readonly done_at_ms: number;
  readonly reason: string;
  readonly amount_tiyn: number | null;
  readonly receipt: Receipt;
}

export interface Card {
  readonly time_s: number;
  readonly card_no: number;
  readonly label: string;
  readonly statement: Statement;
  readonly replaced_by: OtherCard | null;
  readonly replaces: OtherCard | null;
  /** By tap number: counter, medium, whether the validator let the rider on. */
  readonly taps: Readonly<Record<string, readonly [number | null, string, boolean]>>;
  /** Missing numbers of the card's counter: from, to, after_ms, before_ms. */
  readonly holes: readonly (readonly [number, number, number, number])[];
  readonly operations: readonly Done[];
  readonly passes_on_offer: readonly Offer[];
}

/** A pass that may be sold to the card now. */
export interface Offer {
  readonly product_id: string;
  readonly price_tiyn: number;
  readonly valid_from_ms: number;
  readonly valid_to_ms: number;
  readonly first_day: string;
  readonly last_day: string;
}

export interface Choices {
  readonly categories: Readonly<Record<string, string>>;
  /** Operations that this person may do. */
  readonly operations: readonly string[];
  /** The city keeps a register of cash desks: money is taken at those alone. */
  readonly desks_kept: boolean;
  /** Those where this person takes money. */
  readonly desks: readonly { readonly desk_id: string; readonly name: string }[];
  /** By which refunds are owed. */
  readonly channels: readonly string[];
  readonly bank_accounts: readonly string[];
}

/** What an operation would come to. */
export interface Foreseen {
  readonly receipt: Receipt;
  readonly journals: readonly {
    readonly journal_no: number;
    readonly kind: string;
    readonly tap_no: number | null;
    readonly entries: readonly Entry[];
  }[];
  readonly journal_count: number;
}

export type Operation =
  | "top_up"
  | "sell_pass"
  | "take_back_pass"
  | "withdraw"
  | "return"
  | "pay_out"
  | "block"
  | "unblock"
  | "replace"
  | "change_category"
  | "refund_tap"
  | "goodwill"
  | "write_off";
