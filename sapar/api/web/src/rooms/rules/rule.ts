/** Rules of alarms as a person reads and writes them: units, and which rule stands where. */

/** As the API has it; see docs/alarms.md. */
export interface Rule {
  readonly kind: string;
  readonly route_id: string | null;
  readonly raise_at: number;
  readonly clear_at: number;
  readonly on_delay_s: number;
  readonly off_delay_s: number;
  readonly priority: number;
  readonly enabled: boolean;
}

export interface Rules {
  readonly defaults: readonly Rule[];
  readonly rules: readonly Rule[];
  readonly revision: string;
}

/** A line of the list: the rule that holds, and the deployment's where it is another. */
export interface Line {
  readonly rule: Rule;
  readonly usual: Rule;
  readonly own: boolean;
}

export type Unit = "seconds" | "kmh" | "ofPlan" | "none";

/** What a kind's threshold counts. */
export function unitOf(kind: string): Unit {
  if (kind === "speeding") return "kmh";
  if (kind === "gap" || kind === "bunched") return "ofPlan";
  return kind === "panic" || kind === "not_signed_on" ? "none" : "seconds";
}

const kmh = 3.6;

/** A threshold as it is shown: km/h instead of metres a second. */
export function shownValue(kind: string, value: number): number {
  return unitOf(kind) === "kmh" ? Math.round(value * kmh * 10) / 10 : value;
}

/** What was typed, as the API wants it. */
export function storedValue(kind: string, value: number): number {
  return unitOf(kind) === "kmh" ? Math.round((value / kmh) * 1000) / 1000 : value;
}

/** Whether an alarm is worse the smaller its value. */
export function isFalling(kind: string): boolean {
  return kind === "bunched";
}

/** Whether the alarm would be cleared at a worse value than it is raised at. */
export function isCrossed(rule: Rule): boolean {
  return isFalling(rule.kind) ? rule.clear_at < rule.raise_at : rule.clear_at > rule.raise_at;
}

/** All rules that hold: one a kind for all routes, and those for single routes below it. */
export function linesOf({ defaults, rules }: Rules): readonly Line[] {
  const find = (kind: string): Rule | undefined =>
    rules.find((rule) => rule.kind === kind && rule.route_id === null);
  return defaults.flatMap((usual) => {
    const general = find(usual.kind);
    const routes = rules.filter((rule) => rule.kind === usual.kind && rule.route_id !== null);
    return [
      { rule: general ?? usual, usual, own: general !== undefined },
      ...routes.map((rule) => ({ rule, usual: general ?? usual, own: true })),
    ];
  });
}

/** The agency's rules with one put in, in place of the one for the same kind and route. */
export function withRule(rules: readonly Rule[], rule: Rule): readonly Rule[] {
  return [...withoutRule(rules, rule), rule];
}

/** The agency's rules without the one for a kind and route. */
export function withoutRule(
  rules: readonly Rule[],
  gone: Pick<Rule, "kind" | "route_id">,
): readonly Rule[] {
  return rules.filter((one) => one.kind !== gone.kind || one.route_id !== gone.route_id);
}
