import { Buffer } from 'node:buffer'
import { objectOf } from '../../metering/usage.ts'
import type { Json } from '../../metering/wire.ts'
import { shown, wrong } from './untranslatable.ts'

/** https://docs.claude.com/en/docs/build-with-claude/vision */
const IMAGE_TYPES = ['image/jpeg', 'image/png', 'image/gif', 'image/webp']

/**
 * The content of a message as Anthropic's blocks; `param` names it in refusals. A text that is
 * empty is left out: Anthropic refuses it, and it says nothing.
 */
export function blocksOf(content: unknown, param: string): Json[] {
  if (content === null || content === undefined) return []
  if (typeof content === 'string') return content === '' ? [] : [{ type: 'text', text: content }]
  if (!Array.isArray(content)) throw wrong(param, 'must be text or a list of parts')
  return content.flatMap((part, index) => blockOf(objectOf(part), `${param}[${index}]`))
}

/** The same for what may hold nothing but text. */
export function textBlocksOf(content: unknown, param: string): Json[] {
  const blocks = blocksOf(content, param)
  const other = blocks.findIndex((block) => block['type'] !== 'text')
  if (other === -1) return blocks
  throw wrong(`${param}[${other}].type`, 'must be "text" here')
}

function blockOf(part: Json, param: string): Json[] {
  const kept = cacheOf(part)
  switch (part['type']) {
    case 'text':
    case 'refusal': {
      const text = part['text'] ?? part['refusal']
      if (typeof text !== 'string') throw wrong(`${param}.text`, `must be text, got ${shown(text)}`)
      return text === '' ? [] : [{ type: 'text', text, ...kept }]
    }
    case 'image_url':
      return [
        { type: 'image', source: imageSource(part['image_url'], `${param}.image_url`), ...kept },
      ]
    case 'file':
      return [{ ...documentOf(objectOf(part['file']), `${param}.file`), ...kept }]
    default: {
      const what = 'must be "text", "image_url" or "file" for an Anthropic model'
      throw wrong(`${param}.type`, `${what}, got ${shown(part['type'])}`)
    }
  }
}

/** Where a prompt may be cached to, as LiteLLM's clients mark it; Anthropic's own word. */
export function cacheOf(part: Json): Json {
  const mark = part['cache_control']
  return mark === undefined || mark === null ? {} : { cache_control: mark }
}

function imageSource(image: unknown, param: string): Json {
  const url = typeof image === 'string' ? image : objectOf(image)['url']
  if (typeof url !== 'string') throw wrong(`${param}.url`, `must be an address, got ${shown(url)}`)
  if (/^https?:\/\//i.test(url)) return { type: 'url', url }
  const { mediaType, data } = dataOf(url, `${param}.url`)
  if (IMAGE_TYPES.includes(mediaType)) return { type: 'base64', media_type: mediaType, data }
  throw wrong(`${param}.url`, `must be of ${IMAGE_TYPES.join(', ')}, got ${shown(mediaType)}`)
}

/** A PDF, or plain text (https://docs.claude.com/en/docs/build-with-claude/pdf-support). */
function documentOf(file: Json, param: string): Json {
  const { file_data, filename } = file
  if (typeof file_data !== 'string') {
    throw wrong(`${param}.file_data`, 'must be the file itself, as a data URL; ids are of OpenAI')
  }
  const { mediaType, data } = dataOf(file_data, `${param}.file_data`)
  const title = typeof filename === 'string' ? { title: filename } : {}
  if (mediaType === 'application/pdf') {
    const source = { type: 'base64', media_type: mediaType, data }
    return { type: 'document', source, ...title }
  }
  if (mediaType === 'text/plain') {
    const text = Buffer.from(data, 'base64').toString('utf8')
    return {
      type: 'document',
      source: { type: 'text', media_type: mediaType, data: text },
      ...title,
    }
  }
  const right = 'must be application/pdf or text/plain'
  throw wrong(`${param}.file_data`, `${right}, got ${shown(mediaType)}`)
}

const DATA_URL = /^data:([\w.+/-]+)(?:;[\w=-]+)*;base64,/i

/** A data URL taken apart; its data is left as it is, which may be megabytes. */
function dataOf(url: string, param: string): { readonly mediaType: string; readonly data: string } {
  const head = DATA_URL.exec(url.slice(0, 200))
  if (head === null) throw wrong(param, 'must be a data URL in base64 or begin with https://')
  return { mediaType: head[1]!.toLowerCase(), data: url.slice(head[0].length) }
}
