/** What /api/finance/agents tells; amounts in tiyn. */
export type Party = "agent" | "processor";

export interface PartyRow {
  readonly party: Party;
  readonly id: string;
  readonly name: string;
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

export interface Parties {
  readonly time_s: number;
  readonly agents: readonly PartyRow[];
  readonly processors: readonly PartyRow[];
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
    readonly current: Readonly<Record<string, unknown>> | null;
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
