import { join } from 'node:path'
import { dataOf } from '../support/client.ts'
import { launch, type Process } from '../support/process.ts'
import { type Server, startServer } from '../support/server.ts'
import { peerHeaders } from './peer.ts'
import type { Mode } from './wrk.ts'

/** What is driven. */
export type Target = {
  readonly pid: number
  readonly name: string
  readonly url: string
  readonly key: string
  /** What its customers' ids begin with, so that the upstream tallies each target by itself. */
  readonly customers: string
  readonly headers?: Readonly<Record<string, string>>
}

export const CUSTOMERS = 1_000

const NANOS_PER_DOLLAR = 1e9
export const INPUT_NANOS = 150
export const OUTPUT_NANOS = 600

const MODEL = 'gpt-4o-mini'

const deploymentOf = (model: string, upstream: string) => `
  - model_name: ${model}
    litellm_params:
      model: openai/${model}
      api_base: ${upstream}/v1
      api_key: sk-upstream
      input_cost_per_token: ${INPUT_NANOS / NANOS_PER_DOLLAR}
      output_cost_per_token: ${OUTPUT_NANOS / NANOS_PER_DOLLAR}`

/** The config of a server in front of `upstream`. */
export const configFor = (upstream: string) =>
  `model_list:${[MODEL, `${MODEL}-burst`].map((model) => deploymentOf(model, upstream)).join('')}\n`

/** A program of this folder. */
export const start = (file: string, ...args: string[]): Promise<Process> =>
  launch([process.execPath, join(import.meta.dir, file), ...args], { env: {}, folder: '/tmp' })

export const customerId = (prefix: string, number: number) =>
  `${prefix}-${String(number).padStart(4, '0')}`

/** Tollgate, with customers that have budgets, so that each call is held against one and settled. */
export async function startTollgate(
  command: readonly string[],
  about: { readonly upstream: string; readonly customers: string },
): Promise<Server> {
  const server = await startServer({ config: configFor(about.upstream), command })
  for (let number = 1; number <= CUSTOMERS; number += 1) {
    const json = { user_id: customerId(about.customers, number), max_budget: 100_000 }
    const { status, text } = await server.ask('/customer/new', { json })
    if (status !== 200) throw new Error(`/customer/new answered ${status}: ${text}`)
  }
  return server
}

/** A call as wrk sends it, but for its prompt. */
export function call({ url, key, customers, headers }: Target, isStream: boolean, model = MODEL) {
  return fetch(`${url}/v1/chat/completions`, {
    method: 'POST',
    headers: { ...headers, authorization: `Bearer ${key}`, 'content-type': 'application/json' },
    body: JSON.stringify({
      model,
      messages: [{ role: 'user', content: 'Is it whole?' }],
      user: customerId(customers, 1),
      ...(isStream ? { stream: true } : {}),
    }),
  })
}

/**
 * Throws unless the target's answer is a 200 and whole: of so many words, and with the end of a
 * stream. Answers how many bytes its body has.
 */
export async function sampleBytes(target: Target, mode: Mode, words: number): Promise<number> {
  const isStream = mode === 'streamed' || mode === 'burst'
  const response = await call(target, isStream, mode === 'burst' ? `${MODEL}-burst` : MODEL)
  const text = await response.text()
  const got = isStream ? wordsOfStream(text) : wordsOfAnswer(text)
  if (response.status !== 200 || got !== words) {
    const what = `${response.status} with ${got} of ${words} words`
    throw new Error(`${target.name}, ${mode}: the sample answer is ${what}:\n${text}`)
  }
  return text.length
}

/** One whole answer in one piece; throws for any other. */
export async function callWhole(target: Target, words: number) {
  const response = await call(target, false)
  const text = await response.text()
  if (response.status === 200 && wordsOfAnswer(text) === words) return
  throw new Error(`${target.name}: an answer is ${response.status}, not whole:\n${text}`)
}

const countWords = (text: string): number => text.match(/\S+/g)?.length ?? 0

function wordsOfAnswer(text: string): number {
  try {
    return countWords(JSON.parse(text).choices[0].message.content)
  } catch {
    return 0
  }
}

/** Zero for a stream that does not end as it should. */
function wordsOfStream(text: string): number {
  const data = dataOf(text)
  if (data.pop() !== '[DONE]') return 0
  const contents = data.map((chunk) => JSON.parse(chunk).choices[0]?.delta.content ?? '')
  return countWords(contents.join(''))
}

/** Another gateway's target, which is told by headers what its upstream is. */
export const peerTarget = (peer: Process, name: string, upstream: string): Target => ({
  ...peer,
  name,
  key: 'sk-upstream',
  customers: 'guest',
  headers: peerHeaders(upstream),
})
