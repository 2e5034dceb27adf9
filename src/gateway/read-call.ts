import { Refusal } from '../errors.ts'
import type { StoredResponse } from '../ledger/stored-response.ts'
import type { Json } from '../metering/wire.ts'
import { type CallBody, parseBody, refuseDuplicates } from './body.ts'
import type { Call, Gateway } from './call.ts'
import { identify } from './identify.ts'
import { mayCall } from './key-access.ts'
import type { Upload } from './media-call.ts'
import { previousOf } from './stored.ts'

/** What a call asks, and for whom. */
export type Asked = CallBody & {
  /** What came with it besides; null: nothing. */
  readonly upload: Upload | null
  readonly streaming: Streaming
  readonly customerId: string | null
  readonly model: string
  /** Where it has to stay; null: anywhere. */
  readonly region: string | null
  /** Whether the caller may see a model. */
  readonly isListed: (model: string) => boolean
  /** The answer that it goes on from; null: none. */
  readonly previous: StoredResponse | null
}

/** Reads a call. Throws the refusal of the first thing that is wrong. */
export function readCall(call: Call, gateway: Gateway, now: number): Asked {
  const { endpoint, key } = call
  const { text, json, members, upload } = readBody(call)
  const streaming = readStreaming(json)
  if (endpoint.keepsAnswers) refuseStreamInBackground(json, streaming)
  const named = () => identify({ headers: call.headers, json }, gateway.identifyRules)
  const customerId = key?.customerId ?? named()
  const known = customerId === null ? null : gateway.accounts.find(customerId, now)
  const { allowedModelRegion: region = null, defaultModel = null } = known?.self ?? {}
  const isListed = (model: string) => key === null || mayCall(gateway.accounts, key, model, now)
  const model = modelOf(json, defaultModel)
  const isServed = gateway.deployments.of(model).length > 0
  call.seen.asks({ model: isServed ? model : null, customerId, isStream: streaming.stream })
  const by = { key, tab: known?.self.tab ?? null, now }
  const previous = endpoint.keepsAnswers ? previousOf(json, by, gateway.responses) : null
  const body = { text, json, members, upload }
  return { ...body, streaming, customerId, model, region, isListed, previous }
}

/** What a body says, or a form, whose fields were refused if they are there twice. */
function readBody({ body, form }: Call): CallBody & Pick<Asked, 'upload'> {
  if (form) return { text: '', json: form.json, members: [], upload: form.upload }
  const parsed = parseBody(body)
  refuseDuplicates(parsed.members)
  return { ...parsed, upload: null }
}

/** The model that the call names, or else the customer's own default. */
function modelOf(json: Json, byDefault: string | null): string {
  const model = json['model'] ?? byDefault ?? undefined
  if (typeof model === 'string' && model !== '') return model
  const got = model === undefined ? 'nothing' : JSON.stringify(model)?.slice(0, 100)
  throw new Refusal('invalid_request', `\`model\` must be the name of a model, got ${got}.`, {
    param: 'model',
  })
}

/** Whether the client wants a stream, and the usage at its end. */
export type Streaming = { readonly stream: boolean; readonly usage: boolean }

function readStreaming(json: Json): Streaming {
  const stream = json['stream'] ?? false
  if (typeof stream !== 'boolean') {
    const got = JSON.stringify(stream).slice(0, 100)
    throw new Refusal('invalid_request', `\`stream\` must be true or false, got ${got}.`, {
      param: 'stream',
    })
  }
  const options = json['stream_options'] ?? {}
  if (typeof options !== 'object' || Array.isArray(options)) {
    throw new Refusal('invalid_request', '`stream_options` must be an object.', {
      param: 'stream_options',
    })
  }
  return { stream, usage: (options as { include_usage?: unknown }).include_usage === true }
}

/** A stream can be left, and what is made in the background goes on: nobody would see its end. */
function refuseStreamInBackground(json: Json, { stream }: Streaming) {
  if (json['background'] !== true || !stream) return
  const message = '`background` and `stream` cannot be had together; ask for the response later.'
  throw new Refusal('invalid_request', message, { param: 'background' })
}
