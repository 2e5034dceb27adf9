import { describe, expect, test } from 'bun:test'
import { readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { verify } from '../../src/store/verify.ts'
import { PROGRAMS, run, SOURCE } from '../support/command.ts'
import { startGateway } from '../support/gateway.ts'
import { startServer } from '../support/server.ts'
import { madeDatabase, newFolder } from '../support/store.ts'
import { limitedDisk } from '../support/tight-disk.ts'

/** A copy of the books that can be relied on, made while they are written. */

describe.each(PROGRAMS)('a backup by %s', (_, command) => {
  test('beside a live server that takes calls is whole, and balances', async () => {
    await using gateway = await startGateway()
    const { server } = gateway
    let isOver = false
    const load = Array.from({ length: 8 }, async (_, n) => {
      for (let calls = 0; !isOver || calls === 0; calls++) {
        expect((await gateway.chat({ user: `customer-${n}` })).status).toBe(200)
      }
    })
    await gateway.chat({ user: 'before' })
    const copy = join(server.folder, 'copy.db')
    const words = [...command(), 'backup', copy, '--db', server.databasePath]
    const { code, out, errors } = await run(words, { folder: newFolder() })
    isOver = true
    await Promise.all(load)

    expect([code, errors]).toEqual([0, ''])
    const { customers, rows, faults } = await verify(copy)
    expect(faults).toEqual([])
    expect(customers).toBeGreaterThan(0)
    expect(out).toStartWith(`${server.databasePath} is copied to ${copy}: ${customers} customer`)
    expect(out).toContain(`, ${rows} ledger row`)
    expect(statSync(copy).mode & 0o777).toBe(0o600)
    expect(readdirSync(server.folder).filter((name) => name.startsWith('copy.db'))).toEqual([
      'copy.db',
    ])
    expect(await server.stop()).toBe(0)
    const { rows: later } = await verify(server.databasePath)
    expect(rows).toBeWithin(1, later + 1)
  })

  test('that fails leaves what was there, and no half of a copy', async () => {
    using disk = limitedDisk()
    const from = await madeDatabase(2_000)
    const to = join(disk.folder, 'copy.db')
    writeFileSync(to, 'mine')
    const words = [...command(), 'backup', to, '--db', from, '--force']
    const limited = ['sh', '-c', 'ulimit -f 16; exec "$0" "$@"', ...words]
    const { code, errors } = await run(disk.command(limited), { folder: newFolder() })
    expect(code).toBe(1)
    expect(errors).toStartWith(`The backup ${to} ${disk.words} (`)
    expect(readdirSync(disk.folder)).toEqual(['copy.db'])
    expect(readFileSync(to, 'utf8')).toBe('mine')
  })
})

test('put in the place of a lost database, a backup serves the same tabs', async () => {
  await using first = await startServer()
  const messages = [{ role: 'user', content: 'what time is it' }]
  await first.ask('/v1/chat/completions', { json: { model: 'demo', user: 'alice', messages } })
  const { json: before } = await first.ask('/customer/info?end_user_id=alice')
  const folder = newFolder()
  const words = [...SOURCE, 'backup', join(folder, 'tollgate.db'), '--db', first.databasePath]
  expect((await run(words, { folder })).code).toBe(0)
  await first.kill()

  await using restored = await startServer({ folder })
  const { json: after } = await restored.ask('/customer/info?end_user_id=alice')
  expect(after).toEqual(before)
  expect(after.spend).toBeGreaterThan(0)
})

describe('what is there already', () => {
  const backup = async (from: string, to: string, ...more: string[]) =>
    run([...SOURCE, 'backup', to, '--db', from, ...more], { folder: newFolder() })

  test('is kept, and replaced with --force', async () => {
    const from = await madeDatabase()
    const to = join(newFolder(), 'copy.db')
    writeFileSync(to, 'mine')
    const { code, errors } = await backup(from, to)
    expect([code, errors]).toEqual([1, `There is a file at ${to} already: --force replaces it.\n`])
    expect(readFileSync(to, 'utf8')).toBe('mine')
    expect((await backup(from, to, '--force')).code).toBe(0)
    expect((await verify(to)).customers).toBe(1)
    expect(statSync(to).mode & 0o777).toBe(0o600)
  })

  test('is never replaced when it is the database itself, by whichever name', async () => {
    const from = await madeDatabase()
    const link = join(newFolder(), 'link.db')
    symlinkSync(from, link)
    for (const to of [from, link]) {
      const { code, errors } = await backup(from, to, '--force')
      expect([code, errors]).toEqual([
        1,
        `${to} is the database itself: name another file for the copy.\n`,
      ])
    }
    expect((await verify(from)).customers).toBe(1)
  })

  test('is never replaced when it is a database in use', async () => {
    const from = await madeDatabase()
    await using server = await startServer()
    const { code, errors } = await backup(from, server.databasePath, '--force')
    expect(code).toBe(1)
    expect(errors).toContain(`There is ${server.databasePath}-wal: `)
    expect(errors).toContain('Name another file for the copy.')
  })
})

test.each<[mistake: string, args: string[], says: string, code: number]>([
  ['no file', ['backup'], 'backup takes one FILE, where the copy goes.', 2],
  ['two files', ['backup', 'a', 'b'], 'backup takes one FILE, where the copy goes.', 2],
  ['no database', ['backup', 'a'], 'There is no database at ./tollgate.db', 1],
])('%s: a backup says what is missing', async (_, args, says, code) => {
  const outcome = await run([...SOURCE, ...args], { folder: newFolder() })
  expect([outcome.code, outcome.out]).toEqual([code, ''])
  expect(outcome.errors).toContain(says)
})

test('a backup into a folder that is not there says so', async () => {
  const from = await madeDatabase()
  const to = join(newFolder(), 'nowhere', 'copy.db')
  const { code, errors } = await run([...SOURCE, 'backup', to, '--db', from], {
    folder: newFolder(),
  })
  expect(code).toBe(1)
  expect(errors).toStartWith(`The backup ${to} cannot be opened (ENOENT`)
  expect(errors).toContain('Its folder must exist')
})

test('a database that is named by --db is copied although the config asks for keys', async () => {
  const from = await madeDatabase()
  const folder = newFolder()
  writeFileSync(
    join(folder, 'config.yaml'),
    'model_list:\n- {model_name: m, litellm_params: {model: openai/x, api_key: os.environ/NOT_SET}}\n',
  )
  expect((await run([...SOURCE, 'backup', 'copy.db', '--db', from], { folder })).code).toBe(0)
})
