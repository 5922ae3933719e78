/** The alert that is being written. It stays when the room is left, and when publishing fails. */
import { computed, signal } from "@preact/signals";
import {
  type AlertContent,
  type Informed,
  type Texts,
  type Tongue,
  tongues,
} from "../../desk/types";

export interface Draft {
  /** The alert that is changed; null for a new one. */
  readonly alert_id: string | null;
  readonly revision: number;
  readonly content: AlertContent;
  /** Languages whose words were not looked at since another one's changed. */
  readonly doubtful: readonly Tongue[];
}

export const header_max = 80;
export const description_max = 600;
export const required: readonly Tongue[] = ["kk", "ru"];

const blank: AlertContent = {
  header: {},
  description: {},
  url: {},
  cause: "OTHER_CAUSE",
  effect: "DETOUR",
  from_s: null,
  until_s: null,
  informed: [],
};

export const draft = signal<Draft>(newDraft());
/** The language that the preview shows: the one that is written. */
export const tongue = signal<Tongue>("kk");

export function newDraft(content: AlertContent = blank): Draft {
  return { alert_id: null, revision: 0, content, doubtful: [] };
}

export function change(part: Partial<AlertContent>): void {
  draft.value = { ...draft.value, content: { ...draft.value.content, ...part } };
}

/** Writes a text of one language; the others are doubtful until somebody has looked at them. */
export function write(
  now: Draft,
  part: "header" | "description" | "url",
  language: Tongue,
  text: string,
): Draft {
  const texts = { ...now.content[part], [language]: text };
  const others = tongues.filter((one) => one !== language && now.content.header[one]);
  const doubtful =
    part === "url"
      ? now.doubtful
      : [...new Set([...now.doubtful, ...others])].filter((one) => one !== language);
  return { ...now, content: { ...now.content, [part]: texts }, doubtful };
}

function filled(texts: Texts): Texts {
  return Object.fromEntries(
    Object.entries(texts)
      .map(([language, text]) => [language, text.trim()])
      .filter(([, text]) => text !== ""),
  );
}

/** The content without empty texts: what is sent. */
export function tidy(content: AlertContent): AlertContent {
  return {
    ...content,
    header: filled(content.header),
    description: filled(content.description),
    url: filled(content.url),
  };
}

export type Lack = { readonly language: Tongue; readonly part: "header" | "description" };

/** What must still be written before it can be published. */
export function lacks(content: AlertContent): readonly Lack[] {
  const { header, description } = tidy(content);
  const begun = tongues.filter(
    (one) => required.includes(one) || header[one] !== undefined || description[one] !== undefined,
  );
  return begun.flatMap((language) => [
    ...(header[language] === undefined ? [{ language, part: "header" as const }] : []),
    ...(description[language] === undefined ? [{ language, part: "description" as const }] : []),
  ]);
}

export function isUrl(text: string): boolean {
  return text.trim() === "" || /^https?:\/\/[^\s/]+\S*$/.test(text.trim());
}

function tooLong(content: AlertContent): boolean {
  const longer = (texts: Texts, most: number): boolean =>
    Object.values(texts).some((text) => text.length > most);
  return longer(content.header, header_max) || longer(content.description, description_max);
}

/** Whether the draft can be published. */
export const ready = computed(() => {
  const { content } = draft.value;
  const urls = Object.values(content.url).every(isUrl);
  return lacks(content).length === 0 && urls && !tooLong(content);
});

export function sameEntity(a: Informed, b: Informed): boolean {
  return a.route_id === b.route_id && a.stop_id === b.stop_id && a.trip_id === b.trip_id;
}
