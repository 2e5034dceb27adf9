import { ulid } from 'ulid'
import type { Config } from './config/config.ts'
import { hideInLog, print } from './log.ts'
import { readText, writePrivate } from './runtime/runtime.ts'

const LOOPBACK = new Set(['127.0.0.1', 'localhost', '::1', '[::1]'])

/** Nobody chose the key that we make, so it guards loopback only. */
export function requireKeyOrLoopback({ masterKey, host }: Config) {
  if (masterKey !== null || LOOPBACK.has(host)) return
  throw new Error(
    `there is no master key, and ${host} can be reached by others. ` +
      'Set TOLLGATE_MASTER_KEY, or listen on 127.0.0.1.',
  )
}

/**
 * A key for a server that was given none: made once, kept beside the database where only its owner
 * can read it, and printed.
 */
export function madeMasterKey(databasePath: string): string {
  const path = `${databasePath}.key`
  const kept = readText(path)?.trim()
  const key = kept === undefined || kept === '' ? `sk-${ulid()}${ulid()}`.toLowerCase() : kept
  if (key !== kept) writePrivate(path, `${key}\n`)
  hideInLog([key])
  print(`No master key is set; this one is kept in ${path}: ${key}`)
  return key
}
