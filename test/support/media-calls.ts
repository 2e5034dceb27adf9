import { wav } from './media-faces.ts'
import type { Upstream } from './upstream.ts'

/** The models that the tests of pictures and sound call, at their published prices. */
const MODELS = [
  'gpt-image-1',
  'dall-e-3',
  'tts-1',
  'gpt-4o-mini-tts',
  'whisper-1',
  'gpt-4o-transcribe',
]

export const mediaModels = ({ url }: Upstream): string =>
  [...MODELS, 'chisel-1']
    .map(
      (model) =>
        `  - {model_name: ${model}, litellm_params: {model: openai/${model}, ` +
        `api_base: "${url}", api_key: k}}\n`,
    )
    .join('')

/** What is sent for a call, with the customer in a header: not all of them take a `user`. */
export const forCustomer = (user: string, body: object | FormData): RequestInit => {
  const headers = new Headers({ 'x-litellm-customer-id': user })
  if (body instanceof FormData) return { method: 'POST', headers, body }
  headers.set('content-type', 'application/json')
  return { method: 'POST', headers, body: JSON.stringify(body) }
}

/** A form; files are named after what they are. */
export function formOf(fields: Readonly<Record<string, unknown>>, file: File | null): FormData {
  const form = new FormData()
  if (file !== null) form.append(file.name.endsWith('.wav') ? 'file' : 'image', file)
  for (const [name, value] of Object.entries(fields)) form.append(name, String(value))
  return form
}

/** Three seconds of silence. */
export const sound = () => new File([wav(3)], 'häuschen "1".wav', { type: 'audio/wav' })
export const photo = () => new File([new Uint8Array(1_000)], 'toll.png', { type: 'image/png' })
