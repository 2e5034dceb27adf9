import { expect, test } from 'bun:test'
import { existsSync } from 'node:fs'
import { dirname } from 'node:path'
import { BUN_SETTINGS } from '../../src/runtime/runtime.ts'
import { eventually } from './eventually.ts'
import { Gate } from './gate.ts'
import { startReceiver } from './receiver.ts'
import { startServer } from './server.ts'

/** The starter itself, with a stand-in for the server: what it promises when that behaves badly. */

const standIn = (code: string) => ({ command: [process.execPath, '--eval', code, '--'] })

const ECHO = `
  const server = Bun.serve({ port: 0, fetch: async (request) => Response.json({
    method: request.method,
    key: request.headers.get('authorization'),
    body: await request.text(),
    environment: Object.keys(process.env),
    flags: process.argv.slice(1),
  }) })
  console.log('Tollgate 0.1.0 is listening on http://127.0.0.1:' + server.port)
`

/** A zombie is dead: who should reap it may take its time. */
function isAlive(pid: number): boolean {
  const { stdout } = Bun.spawnSync(['ps', '-o', 'stat=', '-p', String(pid)])
  return /^[^Z]/.test(stdout.toString().trim())
}

test('it knows where the server listens, and asks with the key', async () => {
  await using server = await startServer({ ...standIn(ECHO), config: 'model_list: []' })
  const { json, status } = await server.ask('/x', { json: { a: 1 } })
  expect(status).toBe(200)
  expect(json).toMatchObject({ method: 'POST', key: 'Bearer sk-test', body: '{"a":1}' })
  expect(json.flags.join(' ')).toContain(`--db ${server.databasePath} --config ${server.folder}`)
  const own = await server.ask('/x', { headers: { authorization: 'Bearer mine' } })
  expect(own.json).toMatchObject({ method: 'GET', key: 'Bearer mine' })
})

test('nothing of our environment leaks into the server but PATH and HOME', async () => {
  const env = { WEBHOOK_URL: 'http://127.0.0.1:1' }
  await using server = await startServer({ ...standIn(ECHO), env })
  const { json } = await server.ask('/')
  const expected = ['HOME', 'PATH', 'TOLLGATE_MASTER_KEY', 'WEBHOOK_URL']
  expect(json.environment.sort()).toEqual([...expected, ...Object.keys(BUN_SETTINGS)].sort())
})

test('a server that ends before it listens rejects with what it wrote', async () => {
  const failing = startServer(standIn(`console.error('config.yaml:3: no'); process.exit(3)`))
  const error = await failing.catch((error: Error) => error.message)
  expect(error).toContain('ended with 3 before it listened')
  expect(error).toContain('config.yaml:3: no')
  const [, database] = /--db (\S+)/.exec(String(error))!
  expect(existsSync(dirname(database!))).toBe(false)
})

test('stop answers the exit code, kill leaves nothing, a folder outlives a restart', async () => {
  const polite = `process.on('SIGTERM', () => process.exit(7)); ${ECHO}`
  await using first = await startServer({ ...standIn(polite), config: 'model_list: []' })
  expect(await first.stop()).toBe(7)

  const second = await startServer({ ...standIn(ECHO), folder: first.folder })
  expect((await second.ask('/')).json.flags).toContain('--config')
  await second.kill()
  expect(isAlive(second.pid)).toBe(false)
  await second[Symbol.asyncDispose]()
  expect(existsSync(first.folder)).toBe(true)
})

test('who leaves the test leaves no process and no folder', async () => {
  let left: { pid: number; folder: string }
  {
    await using server = await startServer(standIn(ECHO))
    left = { pid: server.pid, folder: server.folder }
  }
  expect([isAlive(left.pid), existsSync(left.folder)]).toEqual([false, false])
})

test.each<[string, string]>([
  ['ends by itself', 'process.exit(0)'],
  ['throws', 'throw new Error("planted")'],
  ['is killed', 'process.kill(process.pid, "SIGKILL")'],
  ['is killed with all its group', 'process.kill(-process.pid, "SIGTERM")'],
])('a process that %s takes the servers it started with it', async (_, ending) => {
  const stubborn = `process.on('SIGTERM', () => {}); ${ECHO}`
  const code = `
    const { startServer } = await import('${import.meta.dir}/server.ts')
    const server = await startServer(${JSON.stringify(standIn(stubborn))})
    console.log(server.pid)
    ${ending}
  `
  const command = [process.execPath, '--eval', code]
  const child = Bun.spawn(command, { detached: true, stdout: 'pipe', stderr: 'ignore' })
  const pid = Number(await new Response(child.stdout).text())
  expect(pid).toBeGreaterThan(0)
  await eventually(() => expect(isAlive(pid)).toBe(false))
})

test('the receiver fails, holds and refuses as told, and records each try in order', async () => {
  await using receiver = await startReceiver()
  const deliver = (id: number) =>
    fetch(receiver.url, { method: 'POST', body: JSON.stringify({ id }) }).then(
      (response) => response.status,
      () => 'refused',
    )
  receiver.fail(2)
  expect([await deliver(1), await deliver(1), await deliver(1)]).toEqual([500, 500, 200])
  await receiver.refuse()
  expect(await deliver(2)).toBe('refused')
  await receiver.resume()
  const gate = new Gate()
  receiver.holdAt(gate)
  const held = deliver(3)
  await gate.reached
  expect(receiver.accepted).toEqual([{ id: 1 }])
  gate.open()
  expect(await held).toBe(200)
  expect(receiver.accepted).toEqual([{ id: 1 }, { id: 3 }])
  expect(receiver.requests.map(({ status }) => status)).toEqual([500, 500, 200, 200])
})

test('eventually answers what the check answers, and throws its last failure at the deadline', async () => {
  let looks = 0
  const third = () => {
    looks += 1
    if (looks < 3) throw new Error(`look ${looks}`)
    return looks
  }
  expect(await eventually(third)).toBe(3)
  const never = () => expect(looks).toBe(4)
  const error = await eventually(never, { deadlineMs: 20 }).catch((error: Error) => error.message)
  expect(error).toContain('Expected: 4')
})
