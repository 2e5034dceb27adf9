import { Refusal } from '../errors.ts'
import { requireAllowed } from './admit.ts'
import { bodyWith } from './attempts.ts'
import { BreakOff } from './break-off.ts'
import type { Call, Gateway } from './call.ts'
import { turnFor } from './choose.ts'
import { Departure } from './departure.ts'
import { editsFor } from './edits.ts'
import { answerHeaders, forward } from './forward.ts'
import { readAtMost } from './read.ts'
import { readCall } from './read-call.ts'
import { Watch } from './watch.ts'

/** What is free of charge is short: longer than this it is given up, bytes. */
const ANSWER_BYTES_MAX = 1024 * 1024

/**
 * A call that its provider takes no money for. It is let in as one that costs: with the same key,
 * for the same customer, of a model that both may call. But nothing is held, and nothing is booked.
 */
export async function handleFreeCall(call: Call, gateway: Gateway): Promise<Response> {
  const startedAt = performance.now()
  const asked = readCall(call, gateway, gateway.now())
  const about = { gateway, model: asked.model, tried: new Set<string>(), tokens: 0 }
  const turn = turnFor(call, asked, about)
  const { deployment } = turn
  const { customerId } = asked
  const breakOff = new BreakOff()
  const abort = breakOff.attempt()
  const departure = new Departure(call.signal, breakOff, {
    ...deployment.rules,
    onDisconnect: 'abort',
  })
  const watch = new Watch(deployment, abort, { isReachable: gateway.isReachable, startedAt })
  gateway.inFlight.add(call.id, { breakOff, departure })
  try {
    if (call.signal.aborted) throw call.signal.reason
    requireAllowed({ customerId, key: call.key, deployment }, gateway)
    const { endpoint, seen } = call
    const { json, streaming } = asked
    const edits = editsFor(json, { endpoint, deployment, asked: streaming, cap: null })
    const body = bodyWith(edits, call, asked)
    const headers = seen.asking(deployment, call.headers)
    const ask = { callId: call.id, endpoint, headers, body, json, now: gateway.now() }
    const tried = await forward(ask, { deployment, abort, watch, decoded: gateway.decoded })
    if ('refusal' in tried) {
      seen.failedTry()
      throw tried.refusal
    }
    seen.firstByte()
    watch.waits()
    const { bytes, isWhole } = await readAtMost(tried.response, ANSWER_BYTES_MAX)
    if (!isWhole) throw new Refusal('upstream_failed', 'The upstream answered without an end.')
    const own = { 'x-tollgate-call-id': call.id, 'x-litellm-call-id': call.id }
    return new Response(bytes, { headers: { ...answerHeaders(tried.response), ...own } })
  } catch (error) {
    throw abort.signal.aborted ? abort.signal.reason : error
  } finally {
    watch.stop()
    // It is no call of those that a deployment takes in a minute.
    gateway.router.undo(turn)
    departure.settled()
    gateway.inFlight.remove(call.id)
  }
}
