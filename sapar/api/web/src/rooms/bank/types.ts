/** What the bank's addresses answer; amounts are whole tiyn. */

export interface Account {
  readonly account: string;
  readonly iban: string;
  readonly name: string;
  readonly closing_on: string | null;
  readonly closing_tiyn: number | null;
  readonly ledger_tiyn: number;
  readonly unmatched_lines: number;
  readonly unmatched_tiyn: number;
}

export interface Statement {
  readonly statement_no: number;
  readonly account: string;
  readonly from_date: string;
  readonly to_date: string;
  readonly opening_tiyn: number;
  readonly closing_tiyn: number;
  readonly format: string;
  readonly file_name: string;
  readonly lines: number;
  readonly new_lines: number;
  readonly imported_at: string;
  readonly imported_by: string;
  readonly kept: boolean;
}

export interface Bank {
  readonly time_s: number;
  readonly accounts: readonly Account[];
  readonly statements: readonly Statement[];
}

export interface BankLine {
  readonly line_no: number;
  readonly booked_on: string;
  readonly amount_tiyn: number;
  readonly counterparty_name: string;
  readonly reference: string;
  readonly purpose: string;
  readonly journal_no: number;
  readonly match_no: number | null;
}

export interface LinePage {
  readonly lines: readonly BankLine[];
  readonly next: string | null;
  readonly count: number;
  readonly receipts_tiyn: number;
  readonly payments_tiyn: number;
}

export interface Imported {
  readonly account: string;
  readonly format: string;
  readonly lines: number;
  readonly receipts_tiyn: number;
  readonly payments_tiyn: number;
  readonly new_lines: number;
  readonly new_tiyn: number;
  readonly repeated: boolean;
  readonly warnings: readonly string[];
  readonly preview: readonly {
    readonly booked_on: string;
    readonly amount_tiyn: number;
    readonly counterparty_name: string;
    readonly purpose: string;
  }[];
}
