import { Database } from 'bun:sqlite'
import { describe, expect, test } from 'bun:test'
import { readFileSync, statSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { SCHEMA_VERSION } from '../../src/store/schema.ts'
import { run, SOURCE } from '../support/command.ts'
import { startServer } from '../support/server.ts'
import { newFolder, olderDatabase } from '../support/store.ts'

/** What an operator meets who starts Tollgate, rightly or wrongly. */

const NO_KEY = { TOLLGATE_MASTER_KEY: undefined }

/** Runs a command of Tollgate in a folder of its own, with these files in it. */
function tollgate(
  args: readonly string[],
  {
    files = {},
    env = {},
  }: { files?: Record<string, string>; env?: Readonly<Record<string, string>> } = {},
) {
  const folder = newFolder()
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text)
  return run([...SOURCE, ...args], { folder, env })
}

describe('a start without any settings', () => {
  test('makes a master key, prints it, and keeps it where only the owner can read it', async () => {
    await using server = await startServer({ env: NO_KEY })
    const path = `${server.databasePath}.key`
    const key = readFileSync(path, 'utf8').trim()
    expect(key).toMatch(/^sk-[0-9a-z]{52}$/)
    expect(server.output()).toContain(`No master key is set; this one is kept in ${path}: ${key}\n`)
    expect(statSync(path).mode & 0o777).toBe(0o600)
    const status = async (key: string) =>
      (await server.ask('/models', { headers: { authorization: `Bearer ${key}` } })).status
    expect([await status(key), await status(''), await status(`${key}x`)]).toEqual([200, 401, 401])
  })

  test('has the same key after a restart', async () => {
    await using first = await startServer({ env: NO_KEY })
    expect(await first.stop()).toBe(0)
    const key = readFileSync(`${first.databasePath}.key`, 'utf8').trim()
    await using again = await startServer({ env: NO_KEY, folder: first.folder })
    expect(again.output()).toContain(key)
    const { status } = await fetch(`${again.url}/models`, { headers: { 'x-api-key': key } })
    expect(status).toBe(200)
  })

  test('a key that was set is neither printed nor written anywhere', async () => {
    await using server = await startServer({ env: { TOLLGATE_MASTER_KEY: 'sk-a-secret-key' } })
    expect(server.output()).not.toContain('sk-a-secret-key')
    expect(() => statSync(`${server.databasePath}.key`)).toThrow('ENOENT')
  })
})

describe('a start on a file of an earlier version', () => {
  test('says that it brings it up to date, once, and what was spent stays', async () => {
    const { path, database } = await olderDatabase(SCHEMA_VERSION - 1, [])
    database.close()
    const at = { folder: join(path, '..') }
    const isSaid = 'bringing the database up to date'
    await using first = await startServer(at)
    expect(first.output()).toContain(isSaid)
    expect(first.output()).toContain('the database is up to date')
    const { json } = await first.ask('/customer/info?end_user_id=a')
    expect(json.total_spend).toBe(5e-9)
    expect(await first.stop()).toBe(0)
    await using again = await startServer(at)
    expect(again.output()).not.toContain(isSaid)
  })
})

describe('listening', () => {
  test('where others can reach it, it does not without a master key, and says what to do', async () => {
    const { code, errors } = await tollgate(['--host', '0.0.0.0', '--port', '0'])
    expect(code).toBe(1)
    expect(errors).toContain('there is no master key, and 0.0.0.0 can be reached by others')
    expect(errors).toContain('Set TOLLGATE_MASTER_KEY, or listen on 127.0.0.1.')
    expect(errors).not.toContain('    at ')
  })

  test('where others can reach it, it does with one', async () => {
    await using server = await startServer({ args: ['--host', '0.0.0.0'] })
    const { port } = new URL(server.url)
    expect((await fetch(`http://127.0.0.1:${port}/health/liveness`)).status).toBe(200)
  })

  test('on a port that another server has, it does not, and says so without a stack trace', async () => {
    await using server = await startServer()
    const { port } = new URL(server.url)
    const { code, errors } = await tollgate(['--port', port])
    expect(code).toBe(1)
    expect(errors).toContain(`could not listen on 127.0.0.1:${port}: another process has that port`)
    expect(errors).toContain('--port N')
    expect(errors).not.toContain('    at ')
  })

  test('on a port that some other program has, likewise', async () => {
    const other = createServer()
    const listening = Promise.withResolvers<void>()
    other.listen(0, '127.0.0.1', listening.resolve)
    await listening.promise
    const { port } = other.address() as { port: number }
    const { code, errors } = await tollgate(['--port', String(port)])
    other.close()
    expect(code).toBe(1)
    expect(errors).toContain('another process has that port')
  })
})

test('a second server on one database is refused: two would spend one budget twice', async () => {
  await using first = await startServer()
  const second = await run([...SOURCE, '--port', '0', '--db', first.databasePath], {
    folder: first.folder,
    env: { TOLLGATE_MASTER_KEY: 'sk-test' },
  })
  expect(second.code).toBe(1)
  expect(second.errors).toContain(`Another Tollgate has the database ${first.databasePath}`)
  await first.kill()
  // However it died, its lock went with it.
  await using again = await startServer({ folder: first.folder })
  expect((await again.ask('/health/readiness')).status).toBe(200)
})

describe('the command line', () => {
  test.each<[mistake: string, args: string[], says: string]>([
    ['an unknown command', ['chekc'], 'Unknown command: chekc. Did you mean check?'],
    ['two commands', ['check', 'verify'], 'check verify'],
    ['an unknown flag', ['--prot', '1'], 'Unknown option --prot. Did you mean --port?'],
    ['a flag without its value', ['--port'], "Option '--port <value>' argument missing"],
  ])('%s exits with 2 and points to the help', async (_, args, says) => {
    const { code, out, errors } = await tollgate(args)
    expect([code, out]).toEqual([2, ''])
    expect(errors).toContain(says)
    expect(errors).toContain('See tollgate --help.')
    expect(errors).not.toContain('    at ')
  })

  test.each<[mistake: string, args: string[], says: string]>([
    ['a port that is none', ['--port', '99999'], '--port must be a whole number from 0 to 65535'],
    ['a config that is not there', ['--config', 'no.yaml'], 'got "no.yaml"'],
  ])('%s exits with 1 and says what would be right', async (_, args, says) => {
    const { code, errors } = await tollgate(args)
    expect(code).toBe(1)
    expect(errors).toContain(says)
  })
})

const WRONG = `model_list:
  - model_name: a
    litelm_params: {model: openai/x}
  - model_name: b
    litellm_params: {model: openai/x, api_key: os.environ/NOT_SET, api_base: "http://x/v1"}
general_settings:
  budget_exceeded_status: 200
`

const UNPRICED = `model_list:
  - model_name: priced
    litellm_params: {model: openai/gpt-4o-mini, api_key: sk-secret}
  - model_name: mystery
    litellm_params: {model: openai/nobody-knows, api_key: sk-secret, api_base: "http://x/v1"}
`

describe('a config', () => {
  test.each<[command: string[]]>([[['serve']], [['check']]])(
    'with mistakes: %p tells all of them, each with file and line, and exits with 1',
    async (command) => {
      const { code, out, errors } = await tollgate(command, { files: { 'config.yaml': WRONG } })
      expect([code, out]).toEqual([1, ''])
      const places = errors.trim().split('\n')
      expect(places.map((line) => line.slice(0, 'config.yaml:2:'.length))).toEqual([
        'config.yaml:2:',
        'config.yaml:3:',
        'config.yaml:5:',
        'config.yaml:7:',
      ])
      expect(errors).toContain('did you mean litellm_params?')
      expect(errors).toContain('the environment variable NOT_SET, which is not set')
      expect(errors).toContain('must be a whole number from 400 to 499, got 200')
    },
  )

  test('check prints each model with its prices, and warns of one that has none', async () => {
    const { code, out } = await tollgate(['check'], { files: { 'config.yaml': UNPRICED } })
    expect(code).toBe(0)
    expect(out).toContain('priced -> openai/gpt-4o-mini at api.openai.com\n')
    expect(out).toContain('input $0.15, cachedInput $0.075')
    expect(out).toContain('output $0.6')
    expect(out).toContain('mystery -> openai/nobody-knows at x\n    no price\n')
    expect(out).toContain('2 deployments, 1 warning.')
    expect(out).toMatch(/line 4: model mystery has no price.*add input_cost_per_token/)
    expect(out).not.toContain('sk-secret')
  })

  test('a model without a price is a warning at the start too', async () => {
    await using server = await startServer({ config: UNPRICED })
    const warning = server
      .output()
      .split('\n')
      .find((line) => line.includes('mystery'))
    expect(JSON.parse(warning!)).toMatchObject({ level: 'warn' })
  })
})

describe('the database', () => {
  test('verify says that there is none, and how to name one', async () => {
    const { code, errors } = await tollgate(['verify', '--db', 'nowhere.db'])
    expect(code).toBe(1)
    expect(errors).toBe('There is no database at nowhere.db; name one with --db FILE.\n')
  })

  test.each<[command: string]>([['serve'], ['verify']])(
    '%s refuses a file that is none',
    async (command) => {
      const files = { 'notes.db': 'These are my notes, and not a database at all. '.repeat(40) }
      const { code, errors } = await tollgate([command, '--db', 'notes.db', '--port', '0'], {
        files,
      })
      expect(code).toBe(1)
      expect(errors).toContain('file is not a database')
      expect(errors).not.toContain('    at ')
    },
  )

  test('verify names the customer whose spend was changed by hand, and exits with 1', async () => {
    await using server = await startServer()
    const messages = [{ role: 'user', content: 'x' }]
    for (const user of ['honest', 'tampered']) {
      await server.ask('/v1/chat/completions', { json: { model: 'demo', user, messages } })
    }
    expect(await server.stop()).toBe(0)
    const database = new Database(server.databasePath)
    database.run("UPDATE customers SET spent = spent + 1 WHERE id = 'tampered'")
    database.close()
    const { code, errors } = await tollgate(['verify', '--db', server.databasePath])
    expect(code).toBe(1)
    expect(errors).toContain('customer tampered: spend is')
    expect(errors).toContain('The books do not balance: 1 found in 2 customers, 2 ledger rows')
    expect(errors).not.toContain('honest')
  })
})

describe('health', () => {
  test.each(['liveliness', 'liveness', 'readiness'])('/health/%s needs no key', async (path) => {
    await using server = await startServer()
    const response = await fetch(`${server.url}/health/${path}`)
    expect(response.status).toBe(200)
    expect(await response.text()).toContain(path === 'readiness' ? 'healthy' : 'alive')
    expect((await fetch(`${server.url}/customer/list`)).status).toBe(401)
  })
})
