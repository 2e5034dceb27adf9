import { Database } from 'bun:sqlite'
import { describe, expect, test } from 'bun:test'
import {
  chmodSync,
  copyFileSync,
  linkSync,
  readFileSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { PROGRAMS, run } from '../support/command.ts'
import { startServer } from '../support/server.ts'
import { madeDatabase, newFolder } from '../support/store.ts'
import { smallDisk, withoutPrivilege } from '../support/tight-disk.ts'

/** A start on a database that cannot be used: what is wrong, what to do, and no stack trace. */

const KEY = { TOLLGATE_MASTER_KEY: 'sk-test' }

/** A start that must fail; answers what the operator reads. */
async function failedStart(program: readonly string[], path: string): Promise<string> {
  const { code, out, errors } = await run([...program, '--port', '0', '--db', path], {
    folder: newFolder(),
    env: KEY,
  })
  expect([code, out]).toEqual([1, ''])
  expect(errors).not.toContain('    at ')
  return errors.trim()
}

describe.each(PROGRAMS)('%s does not start', (_, command) => {
  const program = command()

  test('on a database that somebody else holds, and says so', async () => {
    const path = await madeDatabase()
    using other = new Database(path)
    other.run('BEGIN IMMEDIATE')
    expect(await failedStart(program, path)).toBe(
      `The database ${path} is locked by another process (database is locked). ` +
        'End what holds a transaction on it. Or name another with --db FILE.',
    )
  })

  test('on a file that is no database, and leaves it as it is', async () => {
    const path = join(newFolder(), 'notes.db')
    const notes = 'These are my notes, and not a database at all. '.repeat(40)
    writeFileSync(path, notes)
    expect(await failedStart(program, path)).toBe(
      `The database ${path} is no database of ours (file is not a database). ` +
        'Leave that file alone. Or name another with --db FILE.',
    )
    expect(readFileSync(path, 'utf8')).toBe(notes)
  })

  test('on a database that was cut short', async () => {
    const path = await madeDatabase(500)
    truncateSync(path, 20_480)
    expect(await failedStart(program, path)).toContain(
      `The database ${path} is damaged (database disk image is malformed). ` +
        'Put a backup in its place; `tollgate verify` says what is damaged.',
    )
  })

  test('on a database of a newer version', async () => {
    const path = await madeDatabase()
    const database = new Database(path)
    database.run('PRAGMA user_version = 999')
    database.close()
    const errors = await failedStart(program, path)
    expect(errors).toContain('The database has schema 999 and this version of Tollgate knows')
    expect(errors).toContain('Run the newer version that wrote it, or another --db.')
  })

  test('in a folder that it may not write', async () => {
    const path = await madeDatabase()
    const folder = join(path, '..')
    chmodSync(path, 0o400)
    chmodSync(folder, 0o500)
    const errors = await failedStart(withoutPrivilege(program), path)
    chmodSync(folder, 0o700)
    expect(errors).toStartWith(`The database ${path} cannot be written (`)
    expect(errors).toContain('Make its file, folder and file system writable for us.')
  })

  test('on a disk without room', async () => {
    using disk = smallDisk()
    const path = join(disk.folder, 'tollgate.db')
    copyFileSync(await madeDatabase(), path)
    disk.fill(process.pid)
    const errors = await failedStart(disk.command(program), path).finally(() =>
      disk.makeRoom(process.pid),
    )
    expect(errors).toStartWith(`The database ${path} ${disk.words} (`)
  })

  test('on a database that another server has, by whichever name', async () => {
    await using first = await startServer()
    const link = join(newFolder(), 'link.db')
    symlinkSync(first.databasePath, link)
    const roundabout = join(first.folder, '..', first.folder.split('/').at(-1)!, 'tollgate.db')
    for (const path of [first.databasePath, link, roundabout]) {
      expect(await failedStart(program, path)).toContain('Another Tollgate has the database')
    }
    const hard = join(first.folder, 'hard.db')
    linkSync(first.databasePath, hard)
    expect(await failedStart(program, hard)).toContain(
      `The database ${hard} has 2 names (hard links)`,
    )
  })
})
