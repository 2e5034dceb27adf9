import { createHmac } from 'node:crypto'

/** What is signed: the bytes that are sent, under their id, at the time of this try. */
export type Message = {
  /** The event's, the same at every try. Without a full stop, which parts the signed fields. */
  readonly id: string
  readonly body: string
}

const PREFIX = 'whsec_'

/**
 * Makes the function that answers the headers of a try, as Standard Webhooks has them
 * (https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md):
 * id, time of the try in seconds, and a signature by each secret, so that a receiver which knows
 * either the old or the new one verifies. Without secrets there is no signature.
 */
export function headersOf(secrets: readonly string[]) {
  const keys = secrets.map((secret) => Buffer.from(secret.slice(PREFIX.length), 'base64'))
  return ({ id, body }: Message, now: number): Record<string, string> => {
    const timestamp = String(Math.floor(now / 1000))
    const headers = { 'webhook-id': id, 'webhook-timestamp': timestamp }
    if (keys.length === 0) return headers
    const signed = `${id}.${timestamp}.${body}`
    const signatures = keys.map((key) => createHmac('sha256', key).update(signed).digest('base64'))
    return { ...headers, 'webhook-signature': signatures.map((text) => `v1,${text}`).join(' ') }
  }
}
