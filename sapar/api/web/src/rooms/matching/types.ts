/** What /api/finance/matching tells; amounts in tiyn, a receipt positive. */
export interface BankLine {
  readonly line_no: number;
  readonly bank_account_id: string;
  readonly booked_on: string;
  readonly amount_tiyn: number;
  readonly counterparty_name: string;
  readonly counterparty_bin: string | null;
  readonly counterparty_iban: string | null;
  readonly reference: string;
  readonly bank_reference: string;
  readonly purpose: string;
  readonly hint: "ambiguous" | "amount_differs" | "undone" | null;
  readonly hint_rule: string | null;
  readonly hint_items: readonly number[];
  readonly hint_count: number;
  readonly doubled: boolean;
}

export interface Item {
  readonly item_no: number;
  readonly kind: string;
  readonly code: number;
  readonly owner: string;
  readonly amount_tiyn: number;
  readonly fee_tiyn: number;
  readonly item_date: string;
  readonly due_on: string | null;
  readonly reference: string;
  readonly batch_ref: string;
  readonly residual_code: number | null;
  readonly residual_owner: string | null;
}

export interface Age {
  readonly bank_account_id: string;
  readonly days: string;
  readonly lines: number;
  readonly receipts_tiyn: number;
  readonly payments_tiyn: number;
}

export interface Open {
  readonly time_s: number;
  readonly today: string;
  readonly lines: readonly BankLine[];
  readonly items: readonly Item[];
  readonly ages: readonly Age[];
  readonly share: {
    readonly days: number;
    readonly value_tiyn: number;
    readonly explained_tiyn: number;
    readonly lines: number;
    readonly explained_lines: number;
    readonly basis_points: number | null;
  };
  readonly differences: readonly {
    readonly bank_account_id: string;
    readonly ledger_tiyn: number;
    readonly open_tiyn: number;
  }[];
  readonly accounts: readonly { readonly code: number; readonly has_owner: boolean }[];
}

export interface Suggestion {
  readonly items: readonly number[];
  readonly score: number;
  readonly difference_tiyn: number;
  readonly days: number;
  readonly reasons: readonly string[];
}

export interface Match {
  readonly match_no: number;
  readonly bank_account_id: string | null;
  readonly rule: string;
  readonly rule_version: number;
  readonly lines_tiyn: number;
  readonly items_tiyn: number;
  readonly fee_tiyn: number;
  readonly residual_tiyn: number;
  readonly residual_code: number | null;
  readonly residual_owner: string | null;
  /** Several accounts that the residual went to; none when it has one, or there is none. */
  readonly residuals: readonly {
    readonly code: number;
    readonly owner: string;
    readonly amount_tiyn: number;
  }[];
  readonly journal_no: number | null;
  readonly made_at: string;
  readonly made_by: string;
  readonly note: string;
  readonly undone_at: string | null;
  readonly undone_by: string | null;
  readonly undo_journal_no: number | null;
  readonly undo_reason: string | null;
  readonly lines: readonly Pick<
    BankLine,
    "line_no" | "booked_on" | "amount_tiyn" | "counterparty_name" | "reference" | "purpose"
  >[];
  readonly items: readonly Pick<
    Item,
    "item_no" | "kind" | "code" | "owner" | "amount_tiyn" | "fee_tiyn" | "item_date" | "reference"
  >[];
}

export interface RunResult {
  readonly lines: number;
  readonly matches: number;
  readonly matched_lines: number;
  readonly by_rule: Readonly<Record<string, number>>;
  readonly value_tiyn: number;
  readonly matched_tiyn: number;
  readonly hints: number;
  readonly doubled: number;
}
