import { gzipSync } from 'node:zlib'
import { type Answer, type Asked, completionOf, headersOf, pretty } from './completion.ts'
import { FACES } from './faces.ts'
import { errorJson, errorOfStatus } from './openai-errors.ts'
import type { Script } from './script.ts'
import {
  type Completion,
  chunksJson,
  commentText,
  completionJson,
  type EventStyle,
  eventText,
  type Tokens,
  type UsageMember,
  wireUsage,
} from './wire.ts'

/** The answer of a call of chat completions that the script, and OpenAI, would give. */
export function answerOf(asked: Asked, script: Script): Answer {
  const answer =
    script.body === undefined ? spokenAnswer(asked, script) : givenAnswer(asked, script)
  const own = answer.contentType === undefined ? {} : { 'content-type': answer.contentType }
  const headers = { ...headersOf(asked, answer.isStream), ...own, ...script.headers }
  if (script.isGzip !== true) return { ...answer, headers }
  return {
    ...answer,
    headers: { ...headers, 'content-encoding': 'gzip' },
    events: [gzipSync(Buffer.concat(answer.events))],
    told: answer.told === null ? null : { ...answer.told, events: 1 },
  }
}

type Body = Omit<Answer, 'headers'> & { readonly contentType?: string }

/** A body that the script gives as it is. */
function givenAnswer({ json }: Asked, { status = 200, body }: Script): Body {
  const events = [typeof body === 'string' ? Buffer.from(body) : body!]
  return { status, events, isStream: status === 200 && json['stream'] === true, told: null }
}

function spokenAnswer(asked: Asked, script: Script): Body {
  const { status = 200 } = script
  if (status !== 200) {
    return {
      status,
      events: [pretty(errorJson(errorOfStatus(status)))],
      isStream: false,
      told: null,
    }
  }
  const face = FACES[asked.path ?? '']
  if (face !== undefined) return face(asked, script)
  const { completion, tokens } = completionOf(asked, script)
  const truth = wireUsage(tokens)
  if (asked.json['stream'] === true) return streamed(asked, script, { completion, tokens, truth })
  const usage = 'usage' in script ? memberOf(script.usage) : { usage: truth }
  return {
    status,
    events: [pretty(completionJson(completion, usage))],
    isStream: false,
    told: 'usage' in script ? null : { tokens, events: 1 },
  }
}

const memberOf = (usage: unknown): UsageMember => (usage === 'absent' ? {} : { usage })

type Said = {
  readonly completion: Completion
  readonly tokens: Tokens
  readonly truth: ReturnType<typeof wireUsage>
}

function streamed({ json }: Asked, script: Script, { completion, tokens, truth }: Said): Body {
  const options = (json['stream_options'] ?? {}) as Record<string, unknown>
  const isTold = options['include_usage'] === true && script.usage !== 'absent'
  const usage = {
    others: isTold ? { usage: null } : {},
    last: isTold ? { usage: 'usage' in script ? script.usage : truth } : null,
    place: script.usagePlace ?? 'own chunk',
  }
  const isObfuscated = options['include_obfuscation'] !== false
  const data = chunksJson(completion, usage, { isObfuscated }).map((chunk) => JSON.stringify(chunk))
  if (script.hasDone !== false) data.push('[DONE]')
  const toldBy = data.length - (script.hasDone === false ? 0 : 1)
  const error = script.errorAfter
  if (error !== undefined) {
    data.splice(error.events, data.length, JSON.stringify(errorJson(errorOfStatus(500))))
  }
  const style: EventStyle = {
    lineEnd: script.lineEnd ?? '\n',
    hasSpace: script.hasSpace ?? true,
  }
  const comment = script.hasComments === true ? commentText('keep-alive', style) : ''
  return {
    status: 200,
    events: data.map((text) => Buffer.from(comment + eventText(text, style))),
    isStream: true,
    told: isTold && !('usage' in script) ? { tokens, events: toldBy } : null,
  }
}
