import { expect, test } from 'bun:test'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { verify } from '../../src/store/verify.ts'
import { bookedOn, rowsOf } from '../support/books.ts'
import { piecesOf } from '../support/client.ts'
import { eventually } from '../support/eventually.ts'
import { Gate } from '../support/gate.ts'
import { startGateway } from '../support/gateway.ts'
import { forCustomer, mediaModels } from '../support/media-calls.ts'

/** What of pictures and sound is charged whose server dies in the midst of them. */

const PCM = { voice: 'alloy', response_format: 'pcm' }

test.each<[string, string, object, number]>([
  [
    'two sketches of a picture are its prompt and their tokens',
    '/v1/images/generations',
    { model: 'gpt-image-1', prompt: 'a toll gate', stream: true, partial_images: 3 },
    3 * 5_000 + 2 * 100 * 40_000,
  ],
  [
    // Two pieces of 4,800 bytes are 0.2 s, counted by kilobytes: five tokens.
    'speech by tokens is its text and the sound that came',
    '/v1/audio/speech',
    { model: 'gpt-4o-mini-tts', input: 'Hello there', ...PCM },
    2 * 600 + 5 * 12_000,
  ],
  [
    'speech by characters is all of them',
    '/v1/audio/speech',
    { model: 'tts-1', input: 'Hello there', ...PCM },
    11 * 15_000,
  ],
])('%s', async (_, path, json, charge) => {
  const folder = mkdtempSync(join(tmpdir(), 'tollgate-media-crash-'))
  const gate = new Gate()
  const mortal = await startGateway({ folder, settings: mediaModels })
  const { server, upstream } = mortal
  upstream.next({ holds: [{ gate, at: { events: 2 } }] })
  const answer = server.fetch(path, forCustomer('cut', json)).then(piecesOf, () => null)
  await eventually(() => {
    const open = rowsOf(server.databasePath, 'SELECT * FROM open_calls WHERE usage IS NOT NULL')
    expect(open).toHaveLength(1)
  })
  await server.kill()
  await answer
  await upstream.stop()

  await using again = await startGateway({ folder, settings: mediaModels })
  expect(bookedOn(server.databasePath, 'cut')).toMatchObject([
    { outcome: 'interrupted', usage_source: 'estimated', charge },
  ])
  expect(await again.customer('cut')).toMatchObject({ held: 0, spend: charge / 1e9 })
  await again.server.stop()
  expect((await verify(server.databasePath)).faults).toEqual([])
  if (existsSync(folder)) rmSync(folder, { recursive: true })
})

test('the last byte of speech waits until its charge is on disk, and the others do not', async () => {
  await using gateway = await startGateway({ settings: mediaModels })
  const { server, upstream } = gateway
  const gate = new Gate()
  upstream.next({ holds: [{ gate, at: { events: 4 } }] })
  // Its text is counted before it is charged, and that loads the tokenizer: half a second in which
  // a byte that did not wait would be here.
  const json = { model: 'gpt-4o-mini-tts', input: 'Hello there', ...PCM }
  const response = await server.fetch('/v1/audio/speech', forCustomer('waits', json))
  const reader = response.body!.getReader()
  let bytes = 0
  while (bytes < 4 * 4_800 - 1) bytes += (await reader.read()).value!.length
  expect(bytes).toBe(4 * 4_800 - 1)
  expect(bookedOn(server.databasePath, 'waits')).toEqual([])
  gate.open()
  expect((await reader.read()).value).toHaveLength(1)
  expect(bookedOn(server.databasePath, 'waits')).toHaveLength(1)
})
