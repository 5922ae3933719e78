/** What /api/finance tells of carriers and budgets; amounts in tiyn. */
export interface Contract {
  readonly contract_no: number;
  readonly carrier_id: string;
  readonly carrier_name: string;
  readonly valid_from: string;
  /** Its last day; null for the newest. */
  readonly valid_to: string | null;
  readonly kind: "net" | "gross_km" | "boarding";
  readonly commission_bp: number;
  readonly rate_tiyn: number | null;
  readonly city: string;
  readonly funder: string | null;
  readonly title: string;
  readonly payee_name: string;
  readonly payee_bin: string;
  readonly payee_iban: string;
  readonly payee_bic: string;
  readonly created_at: string;
  readonly created_by: string;
  /** Something was settled by it: it stays as it is. */
  readonly used: boolean;
}

export interface Carrier {
  readonly carrier_id: string;
  readonly name: string;
  readonly clearing_tiyn: number;
  readonly late_tiyn: number;
  readonly payable_tiyn: number;
  readonly hold_tiyn: number;
  readonly owes_tiyn: number;
  readonly settled_to: string | null;
  readonly contract: Contract | null;
}

export interface Statement {
  readonly statement_no: number;
  readonly carrier_id: string;
  readonly carrier_name: string;
  readonly from_date: string;
  readonly to_date: string;
  readonly part: number;
  readonly status: "draft" | "issued" | "paid" | "ended";
  readonly number: string | null;
  readonly boardings: number;
  readonly gross_tiyn: number;
  readonly commission_tiyn: number;
  readonly payable_tiyn: number;
  readonly waiting_tiyn: number;
  readonly order_number: number | null;
  readonly at_bank: boolean;
}

export interface StatementLine {
  readonly line_no: number;
  readonly block: string;
  readonly service_date: string;
  readonly boardings: number;
  readonly gross_tiyn: number;
  readonly commission_tiyn: number;
  readonly payable_tiyn: number;
  readonly clawed_tiyn: number;
  readonly held_tiyn: number;
  readonly journal_no: number | null;
}

export interface Part {
  readonly journal_no: number;
  readonly kind: string;
  readonly tap_no: number | null;
  readonly card: string | null;
  readonly route_id: string | null;
  readonly vehicle_id?: string | null;
  readonly event_at: string | null;
  readonly amount_tiyn: number;
  readonly trip_id?: string | null;
  readonly metres?: number;
}

export interface Order {
  readonly order_no: number;
  readonly number: number;
  readonly order_date: string;
  readonly amount_tiyn: number;
  readonly payee_name: string;
  readonly statements: readonly string[];
  readonly made_by: string;
  readonly at_bank: boolean;
}

export interface Dispute {
  readonly dispute_no: number;
  readonly statement_no: number;
  readonly carrier_id: string;
  readonly amount_tiyn: number;
  readonly reason: string;
  readonly status: "open" | "released" | "rejected";
  readonly opened_by: string;
  readonly decided_by: string | null;
  readonly decision: string | null;
}

export interface Claim {
  readonly claim_no: number;
  readonly funder: string;
  readonly from_date: string;
  readonly to_date: string;
  readonly number: string;
  readonly amount_tiyn: number;
  readonly open_tiyn: number;
}

export interface ClaimLine {
  readonly position: number;
  readonly block: string;
  readonly category: string;
  readonly product_id: string;
  readonly difference_tiyn: number | null;
  readonly rides: number;
  readonly amount_tiyn: number;
}

export interface All {
  readonly time_s: number;
  /** The city's fare day. */
  readonly today: string;
  readonly carriers: readonly Carrier[];
  readonly contracts: readonly Contract[];
  readonly statements: readonly Statement[];
  readonly orders: readonly Order[];
  readonly disputes: readonly Dispute[];
  readonly claims: readonly Claim[];
  readonly bank_accounts: readonly string[];
}
