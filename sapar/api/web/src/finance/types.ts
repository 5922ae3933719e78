/** What the finance addresses answer; see docs/finance-desk.md. Amounts are whole tiyn. */

export interface Exceptional {
  readonly exception_no: number;
  readonly kind: string;
  readonly subject: string;
  readonly value_tiyn: number;
  readonly detail: string;
  readonly day: string | null;
  readonly opened_at: string;
  readonly age_days: number;
  readonly assignee: string | null;
  readonly accepted_at: string | null;
  readonly accepted_by: string | null;
  readonly accepted_reason: string | null;
  readonly closed_at: string | null;
  readonly closed_by: string | null;
  readonly resolution: string | null;
  readonly journal_no: number | null;
  readonly tap_no: number | null;
  /** The card's label, `•••• 4471`. */
  readonly card: string | null;
  readonly device_id: string | null;
  readonly code: number | null;
  readonly owner: string | null;
}

export type DayState = "open" | "prepared" | "closed" | "reopened";

export interface Stage {
  readonly stage: string;
  readonly run_no: number | null;
  readonly passed: boolean;
  readonly stale: boolean;
  readonly findings: number;
  readonly waiting: number;
  readonly evidence: Readonly<Record<string, unknown>>;
  readonly digest: string;
  readonly ran_at: string | null;
  readonly ran_by: string;
}

export interface Signature {
  readonly act: "prepared" | "approved";
  readonly user_id: number;
  readonly name: string;
  readonly full_name: string;
  readonly signed_at: string;
  readonly valid: boolean;
}

export interface DayStatus {
  readonly business_date: string;
  readonly state: DayState;
  readonly revision: number;
  readonly stages: readonly Stage[];
  readonly signatures: readonly Signature[];
  readonly digest: string | null;
  readonly obstacle: string | null;
  readonly reopened_until: string | null;
  readonly closed_at: string | null;
  readonly closed_by: string;
  /** Of a day that was opened again and that nobody has closed since. */
  readonly reopening: {
    readonly name: string;
    readonly reason: string;
    readonly ends_at: string;
    readonly lapsed: boolean;
    readonly journals: number;
  } | null;
}

export interface DayTold {
  readonly time_s: number;
  readonly status: DayStatus;
  readonly exceptions: readonly Exceptional[];
  readonly reports: readonly {
    readonly revision: number;
    readonly form: "json" | "csv";
    readonly size: number;
    readonly digest: string;
  }[];
  readonly reopenings: readonly {
    readonly reopening_no: number;
    readonly name: string;
    readonly reason: string;
    readonly reopened_at: string;
    readonly ends_at: string;
  }[];
}

export interface Today {
  readonly business_date: string;
  readonly at: string;
  readonly state: DayState;
  readonly taps: number;
  readonly riders: number;
  readonly earned_tiyn: number;
  readonly paid_tiyn: number;
  readonly hours: readonly {
    readonly hour: string;
    readonly taps: number;
    readonly riders: number;
    readonly earned_tiyn: number;
  }[];
  readonly late: readonly {
    readonly service_date: string;
    readonly taps: number;
    readonly earned_tiyn: number;
  }[];
  readonly open_gaps: number;
  readonly missing_taps: number;
  readonly gaps_tiyn: number;
  readonly exceptions: readonly {
    readonly kind: string;
    readonly count: number;
    readonly value_tiyn: number;
    readonly accepted: number;
    readonly since: string;
  }[];
  readonly unmatched: readonly {
    readonly from_days: number;
    readonly count: number;
    readonly value_tiyn: number;
  }[];
  readonly suspense: readonly {
    readonly code: number;
    readonly owner: string;
    readonly balance: number;
  }[];
  readonly explained_ppm: number;
}
