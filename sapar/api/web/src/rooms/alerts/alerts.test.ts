import { describe, expect, it } from "vitest";
import { isUrl, lacks, newDraft, tidy, write } from "./draft";

const texts = { kk: "Айналма жол", ru: "Объезд", en: "Detour" };
const begun = newDraft({ ...newDraft().content, header: texts, description: texts });

describe("an alert", () => {
  it("doubts the other languages when one is changed, until they are looked at", () => {
    const changed = write(begun, "header", "kk", "Айналма жолмен");
    expect(changed.doubtful).toEqual(["ru", "en"]);
    const next = write(changed, "header", "ru", "В объезд");
    expect(next.doubtful).toEqual(["en", "kk"]);
    expect(write(begun, "url", "kk", "https://example.org").doubtful).toEqual([]);
  });

  it("needs Kazakh and Russian, and English whole or not at all", () => {
    expect(lacks(begun.content)).toEqual([]);
    expect(lacks(newDraft().content)).toHaveLength(4);
    const half = write(begun, "description", "en", " ").content;
    expect(lacks(half)).toEqual([{ language: "en", part: "description" }]);
    const without = write(write(begun, "description", "en", ""), "header", "en", "").content;
    expect(lacks(without)).toEqual([]);
    expect(tidy(without).header).toEqual({ kk: texts.kk, ru: texts.ru });
  });

  it("knows a web address", () => {
    expect(["", "https://a.kz/x?y", "http://a"].every(isUrl)).toBe(true);
    expect(["a.kz", "javascript:1", "https://", "https://a b"].some(isUrl)).toBe(false);
  });
});
