import { Refusal } from '../errors.ts'
import { requireAllowed } from './admit.ts'
import { editBody, membersOf, parseBody, refuseDuplicates } from './body.ts'
import { type Call, editsFor, type Gateway, modelOf } from './call.ts'
import { Departure } from './departure.ts'
import { answerHeaders, forward } from './forward.ts'
import { identify } from './identify.ts'
import { mayCall } from './key-access.ts'
import { readAtMost } from './read.ts'
import { requireServed } from './translate.ts'
import { Watch } from './watch.ts'

/** What is free of charge is short: longer than this it is given up, bytes. */
const ANSWER_BYTES_MAX = 1024 * 1024

/**
 * A call that its provider takes no money for. It is let in as one that costs: with the same key,
 * for the same customer, of a model that both may call. But nothing is held, and nothing is booked.
 */
export async function handleFreeCall(call: Call, gateway: Gateway): Promise<Response> {
  const { endpoint, headers } = call
  const now = gateway.now()
  const { text, json } = parseBody(call.body)
  const members = membersOf(text)
  refuseDuplicates(members)
  const customerId = call.key?.customerId ?? identify({ headers, json }, gateway.identifyRules)
  const known = customerId === null ? null : gateway.accounts.find(customerId, now)
  const { allowedModelRegion = null, defaultModel = null } = known?.self ?? {}
  const isListed = (model: string) =>
    call.key === null || mayCall(gateway.accounts, call.key, model, now)
  const model = modelOf(json, defaultModel)
  const deployment = gateway.deployments.choose(model, allowedModelRegion, isListed)
  requireAllowed({ customerId, key: call.key, deployment }, gateway)
  requireServed({ endpoint, deployment, json })

  const abort = new AbortController()
  const watch = new Watch(deployment, abort, gateway.isReachable)
  const departure = new Departure(abort, { ...deployment.rules, onDisconnect: 'abort' })
  const { decoded } = gateway
  const line = { deployment, abort, watch, decoded, isAsked: false }
  call.signal.addEventListener('abort', () => departure.leave(), { once: true })
  gateway.inFlight.add(call.id, { abort, departure })
  try {
    if (call.signal.aborted) throw call.signal.reason
    const asked = { stream: false, usage: false }
    const edits = editsFor(json, { endpoint, deployment, asked, cap: null })
    const body = edits.size === 0 ? call.body : editBody(text, members, edits)
    const response = await forward({ callId: call.id, endpoint, headers, body, json, now }, line)
    watch.waits()
    const { bytes, isWhole } = await readAtMost(response, ANSWER_BYTES_MAX)
    if (!isWhole) throw new Refusal('upstream_failed', 'The upstream answered without an end.')
    const own = { 'x-tollgate-call-id': call.id, 'x-litellm-call-id': call.id }
    return new Response(bytes, { headers: { ...answerHeaders(response), ...own } })
  } catch (error) {
    throw abort.signal.aborted ? abort.signal.reason : error
  } finally {
    watch.stop()
    gateway.inFlight.remove(call.id)
  }
}
