/**
 * What webhooks cost: `bun test/bench/outbox.ts`.
 *
 * How it avoids fooling itself: the store is the server's own, on a real file; the charges with
 * and without receivers are the same ones, timed in turns in one run; the time is the CPU's, as the
 * clock's says more of what else the machine does; each figure is the median of several rounds,
 * with the fastest and the slowest beside it. What is due is asked for with little and with much in
 * the queue, of which all but the first event of each customer waits.
 */
import { cpus } from 'node:os'
import { eventsOf } from '../../src/events/events.ts'
import { addressed } from '../../src/events/receiver.ts'
import { nanos } from '../../src/ledger/money.ts'
import { charged, newId, openStore } from '../support/store.ts'

const CHARGES = 20_000
/** That queue up while a commit runs: as many as under load share a transaction. */
const TOGETHER = 50
const CUSTOMERS = 1_000
const ROUNDS = 5

const receivers = (count: number) =>
  Array.from({ length: count }, (_, index) => ({
    name: `receiver ${index}`,
    url: 'http://127.0.0.1',
    secrets: [],
    events: null,
  }))

/** Microseconds of CPU since a moment. */
function cpuSince(before: NodeJS.CpuUsage): number {
  const { user, system } = process.cpuUsage(before)
  return user + system
}

type Opened = Awaited<ReturnType<typeof openStore>>

function customersOf({ store }: Opened) {
  return Array.from({ length: CUSTOMERS }, (_, index) => {
    return store.findOrOpenCustomer(`customer ${index}`).customer
  })
}

/** Charges and their events for so many receivers; answers microseconds a charge. */
async function charge(opened: Opened, to: number, charges: number): Promise<number> {
  const { store, clock } = opened
  const customers = customersOf(opened)
  const told = receivers(to)
  const start = process.cpuUsage()
  for (let at = 0; at < charges; at += TOGETHER) {
    const commits = Array.from({ length: TOGETHER }, (_, index) => {
      const customer = customers[(at + index) % CUSTOMERS]!
      const settled = charged(customer, { charge: nanos(1_000), settledAt: clock.now })
      const about = { budget: null, newId: () => newId(clock.now), versionOf: () => null }
      return store.commit(settled, to === 0 ? [] : addressed(eventsOf(settled, about), told))
    })
    await Promise.all(commits)
  }
  return cpuSince(start) / charges
}

/** Marks all that waits as delivered; answers microseconds a delivery. */
async function deliver({ store, clock }: Opened, deliveries: number): Promise<number> {
  const start = process.cpuUsage()
  let done = 0
  for (let n = 0; n < deliveries && done < deliveries; n++) {
    const due = store.deliveries.due('receiver 0', clock.now, TOGETHER)
    await Promise.all(due.map((delivery) => store.deliveries.delivered(delivery)))
    done += due.length
  }
  return cpuSince(start) / done
}

function askWhatIsDue({ store, clock }: Opened): number {
  const times = 2_000
  const start = process.cpuUsage()
  for (let n = 0; n < times; n++) {
    store.deliveries.due('receiver 0', clock.now, 16)
    store.deliveries.nextDueAfter('receiver 0', clock.now)
  }
  return cpuSince(start) / times
}

function print(what: string, figures: readonly number[]) {
  const sorted = figures.toSorted((a, b) => a - b)
  const [least, median, most] = [0, 0.5, 1].map((at) =>
    sorted[Math.round(at * (sorted.length - 1))]!.toFixed(1),
  )
  const perSecond = Math.round(1e6 / Number(median)).toLocaleString('en')
  console.log(`${what.padEnd(44)} ${median} µs (${least} to ${most}), ${perSecond}/s`)
}

console.log(`${cpus()[0]?.model}, ${cpus().length} cores, Bun ${Bun.version}`)
const counts = [0, 1, 3]
const stores = await Promise.all(counts.map(() => openStore()))
const figures = counts.map((): number[] => [])
for (let round = 0; round < ROUNDS; round++) {
  for (const [index, count] of counts.entries()) {
    figures[index]!.push(await charge(stores[index]!, count, CHARGES))
  }
}
for (const [index, count] of counts.entries()) {
  print(`a charge with ${count} receivers`, figures[index]!)
}

const few = await openStore()
await charge(few, 1, CUSTOMERS)
const many = await openStore()
await charge(many, 1, 200_000)
for (const [name, opened] of [
  ['1,000', few],
  ['200,000', many],
] as const) {
  const asked = Array.from({ length: ROUNDS }, () => askWhatIsDue(opened))
  print(`what is due and next, of ${name} queued`, asked)
}
const delivered: number[] = []
for (let round = 0; round < ROUNDS; round++) delivered.push(await deliver(many, CHARGES))
print('a delivery kept and an old one removed', delivered)
