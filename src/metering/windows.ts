/**
 * What a model reads and writes at most, tokens, by family as makers publish it
 * (https://docs.claude.com/en/docs/about-claude/models/overview,
 * https://platform.openai.com/docs/models).
 */
const WINDOWS: readonly (readonly [RegExp, number])[] = [
  [/claude-(?:[a-z]+-[5-9]|(?:opus|sonnet)-4-[6-9])(?!\d)/, 1_000_000],
  [/claude/, 200_000],
  [/gpt-4o/, 128_000],
  [/(?:^|\/)o[134](?:-|$)/, 200_000],
  [/gpt-5(?:\.[0-3])?(?![.\d])/, 400_000],
  [/gpt-5\./, 1_050_000],
]

/** More than that of any other that reads documents. */
const OTHERWISE = 2_097_152

/**
 * No fewer than a model's, and so than all documents and pictures of a call come to together;
 * `model` may have its maker's name before it.
 */
export const windowOf = (model: string): number =>
  WINDOWS.find(([family]) => family.test(model))?.[1] ?? OTHERWISE
