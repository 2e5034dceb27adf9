import type { Observation, Watcher } from '../gateway/observation.ts'
import { toDollars } from '../ledger/money.ts'
import { logInfo } from '../log.ts'
import { inputTokens, NO_USAGE, outputTokens } from '../metering/usage.ts'

/** A line for each call that is over, without a word of what was said. */
export const CALL_LOG: Watcher = { over: (seen) => logInfo('call', factsOf(seen)) }

/** Facts that there are. Times are milliseconds from the call's arrival, money is dollars. */
function factsOf(seen: Observation): Readonly<Record<string, unknown>> {
  const { subject, row, status, refusal, firstByteAt } = seen
  const usage = { ...NO_USAGE, ...row?.usage }
  return {
    call: seen.id,
    path: seen.endpoint.path,
    status,
    ...(refusal === null ? {} : { refusal }),
    ...(subject === null ? {} : subjectFacts(subject, seen)),
    ms: millis(seen.endedAt! - seen.beganAt),
    ...(firstByteAt === null ? {} : { ttfb_ms: millis(firstByteAt - seen.beganAt) }),
    ...(row === null
      ? {}
      : {
          outcome: row.outcome,
          usage_source: row.usageSource,
          input_tokens: inputTokens(usage),
          output_tokens: outputTokens(usage),
          cost: toDollars(row.cost),
          charge: toDollars(row.charge),
        }),
  }
}

function subjectFacts(
  { model, customerId, isStream }: NonNullable<Observation['subject']>,
  { tries }: Observation,
) {
  const deployment = tries.at(-1)?.deployment.id
  return {
    ...(model === null ? {} : { model }),
    ...(deployment === undefined ? {} : { deployment }),
    ...(tries.length > 1 ? { attempts: tries.length } : {}),
    ...(customerId === null ? {} : { customer: customerId }),
    stream: isStream,
  }
}

const millis = (ms: number): number => Math.round(ms * 10) / 10
