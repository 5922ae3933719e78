/** What /api/finance/tariffs tells; times in Unix seconds, amounts in tiyn. */
export type State = "draft" | "to_come" | "holds" | "past";

export interface Version {
  readonly version_no: number;
  readonly name: string;
  readonly digest: string;
  readonly state: State;
  readonly effective_s: number | null;
  readonly created_s: number;
  readonly created_by: string;
  readonly published_s: number | null;
  readonly published_by: string | null;
}

export interface Proposal {
  readonly proposal_no: number;
  readonly version_no: number;
  readonly effective_s: number;
  readonly note: string;
  readonly proposed_s: number;
  readonly proposed_by: string;
  readonly proposed_by_no: number;
  readonly decision: "approved" | "declined" | "withdrawn" | null;
  readonly decided_s: number | null;
  readonly decided_by: string | null;
  readonly decided_note: string;
}

export interface Tariffs {
  readonly time_s: number;
  readonly versions: readonly Version[];
  readonly proposals: readonly Proposal[];
}

export interface FileTable {
  readonly name: string;
  readonly columns: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

export interface Finding {
  readonly code: string;
  readonly file: string;
  /** The header is line 1; 0: not one line. */
  readonly line: number;
  readonly message: string;
}

export interface Judged {
  readonly ok: boolean;
  readonly name: string;
  readonly findings: readonly Finding[];
}

export interface Tables {
  readonly tables: readonly FileTable[];
  readonly judged: Judged;
}

/** Sums under the published tariffs (now) and under the version that is tried (then). */
export interface Sums {
  readonly product: string;
  readonly taps_now: number;
  readonly taps_then: number;
  readonly charged_now_tiyn: number;
  readonly charged_then_tiyn: number;
  readonly difference_tiyn: number;
}

export interface DryRun {
  readonly days: readonly string[];
  readonly taps: number;
  readonly cards: number;
  readonly cards_dearer: number;
  readonly cards_cheaper: number;
  readonly lines: readonly (Sums & { readonly rider_category: string })[];
  readonly channels: readonly (Sums & { readonly medium: string })[];
  readonly funders: readonly {
    readonly kind: string;
    readonly funder: string;
    readonly now_tiyn: number;
    readonly then_tiyn: number;
    readonly difference_tiyn: number;
  }[];
  readonly held_now: Readonly<Record<string, number>>;
  readonly held_then: Readonly<Record<string, number>>;
  readonly largest: readonly {
    readonly card_no: number;
    readonly label: string;
    readonly difference_tiyn: number;
  }[];
  readonly unpriced: readonly { readonly tap_no: number; readonly code: string }[];
}

export interface Progress {
  readonly day: string;
  readonly days_done: number;
  readonly days: number;
  readonly taps: number;
}

export type Line =
  | Progress
  | { readonly result: DryRun }
  | { readonly error: { readonly code: string; readonly message: string } };
