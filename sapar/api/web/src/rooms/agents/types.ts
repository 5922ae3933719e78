/** What /api/finance/agents tells; amounts in tiyn. */
export type Party = "agent" | "processor";

export interface PartyRow {
  readonly party: Party;
  readonly id: string;
  readonly name: string;
  /** A cash desk of the register, which is no agent. */
  readonly is_desk?: boolean;
  readonly status: "active" | "suspended" | null;
  readonly kind: "postpaid" | "prepaid" | "processor" | null;
  readonly balance_tiyn: number;
  readonly deposit_tiyn: number;
  readonly commission_tiyn: number;
  readonly limit_tiyn: number | null;
  readonly oldest_unpaid: string | null;
  readonly overdue_tiyn: number;
  readonly ageing: {
    readonly days_0_1: number;
    readonly days_2_7: number;
    readonly days_8_30: number;
    readonly days_over_30: number;
    readonly no_item: number;
  };
}

export interface Seller {
  readonly user_id: number;
  readonly name: string;
  readonly full_name: string;
  readonly ended: boolean;
}

export interface CashDesk {
  readonly desk_id: string;
  readonly name: string;
  readonly place: string;
  readonly status: "open" | "closed";
  readonly balance_tiyn: number;
  readonly sellers: readonly Seller[];
}

export interface Parties {
  readonly time_s: number;
  readonly agents: readonly PartyRow[];
  readonly processors: readonly PartyRow[];
  readonly desks: readonly CashDesk[];
  /** People who may be named for a desk. */
  readonly cashiers: readonly Seller[];
  /** Money is taken through registered ones alone. */
  readonly required: boolean;
  /** The city's fare day. */
  readonly today: string;
  readonly bank_accounts: readonly string[];
}

interface BothTerms {
  readonly from_date: string;
  readonly register_due_h: number | null;
  readonly register_start: string;
  readonly bin: string | null;
  readonly iban: string | null;
  readonly bank_account_id: string | null;
}

export interface AgentTerms extends BothTerms {
  readonly kind: "postpaid" | "prepaid";
  readonly credit_limit_tiyn: number | null;
  readonly commission_bp: number;
  readonly commission_least_tiyn: number;
  readonly commission_most_tiyn: number | null;
  readonly netted: boolean;
  readonly due_days: number;
}

export interface ProcessorTerms extends BothTerms {
  /** A processor has none: it tells the two apart. */
  readonly kind?: undefined;
  readonly fee_bp: number;
  readonly fee_fixed_tiyn: number;
  readonly payout_days: number;
}

export type AnyTerms = AgentTerms | ProcessorTerms;

/** What is sent as terms. */
export type Terms = AnyTerms;

export interface Version {
  readonly terms_no: number;
  readonly terms: AnyTerms;
  readonly agreed_at: string;
  readonly agreed_by: string;
}

export interface DayRow {
  readonly day: string | null;
  readonly sold: number;
  readonly taken_back: number;
  readonly netted: number;
  readonly paid: number;
  readonly other: number;
  readonly moved: number;
  readonly balance: number;
  readonly earned: number;
  readonly commission: number;
}

export interface Register {
  readonly register_no: number;
  readonly day: string;
  readonly number: string;
  readonly file_name: string;
  readonly row_count: number;
  readonly total_tiyn: number;
  readonly imported_by: string;
}

export interface OneParty {
  readonly detail: {
    readonly row: PartyRow;
    readonly reason: string;
    readonly current: AnyTerms | null;
    readonly history: readonly Version[];
  };
  readonly statement: {
    readonly from_date: string;
    readonly to_date: string;
    readonly opening_tiyn: number;
    readonly rows: readonly DayRow[];
    readonly totals: DayRow;
  };
  readonly registers: readonly Register[];
}

export interface Difference {
  readonly code: string;
  readonly name: string;
  readonly value_tiyn: number;
  readonly register_tiyn: number;
  readonly ledger_tiyn: number;
  readonly detail: string;
  readonly line: number | null;
  readonly reference: string;
  readonly journal_no: number | null;
  readonly card: string | null;
}

export interface Day {
  readonly movements: readonly {
    readonly journal_no: number;
    readonly kind: string;
    readonly at: string;
    readonly rule: string;
    readonly actor: string;
    readonly card: string | null;
    readonly amount_tiyn: number;
    readonly commission_tiyn: number;
  }[];
  readonly comparison: {
    readonly rows: number;
    readonly agreed: number;
    readonly register_tiyn: number;
    readonly ledger_tiyn: number;
    readonly expected_tiyn: number;
    readonly open_tiyn: number;
    readonly differences: readonly Difference[];
  } | null;
}
