import type { Target } from '../providers/openai.ts'

/** What is shorter is a word such as a team's name, and stands in a sentence by chance. */
const VALUE_LENGTH_MIN = 7

/** What keys and accounts look like at the providers that are asked most. */
const ACCOUNTS = new RegExp(
  [
    // Keys, organisations and projects, also with their middle masked by the provider itself.
    String.raw`\b(?:org|proj|sk|gsk|xai|hf|pplx|nvapi|csk)[-_*][\w*-]+`,
    String.raw`[\w-]{0,40}\*{3,}[\w*-]*`,
    String.raw`\bAIza[\w-]+`,
    String.raw`\bbearer\s+\S+`,
    // Users at OpenAI and OpenRouter, projects at Google, anything at Amazon.
    String.raw`\buser[-_][A-Za-z0-9]{16,}`,
    // Organisations at Anthropic, whose sentences on limits name them, and workspaces.
    String.raw`\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b`,
    String.raw`\bwrkspc_\w+`,
    String.raw`\bprojects?/[\w.:-]+`,
    String.raw`\barn:aws[\w:/.*-]+`,
    // Resources at Azure.
    String.raw`\b[\w-]{1,63}\.(?:openai|cognitiveservices|services\.ai)\.azure\.com`,
  ].join('|'),
  'gi',
)

/**
 * An upstream's text for a client, without what names or opens the operator's account there: what
 * this deployment is asked with, however it is written in an address, and what looks like the like.
 */
export function withoutAccount(
  text: string,
  { apiKey, extraHeaders }: Pick<Target, 'apiKey' | 'extraHeaders'>,
): string {
  return [apiKey ?? '', ...Object.values(extraHeaders)]
    .filter((value) => value.length >= VALUE_LENGTH_MIN)
    .flatMap((value) => [value, encodeURIComponent(value.toWellFormed())])
    .reduce((cleaned, value) => cleaned.replaceAll(value, '…'), text)
    .replace(ACCOUNTS, '…')
}
