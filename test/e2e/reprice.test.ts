import { expect, test } from 'bun:test'
import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { PROGRAMS, run } from '../support/command.ts'
import { startServer } from '../support/server.ts'
import { newFolder, openStore } from '../support/store.ts'

const configOf = (dollars: string) => `
model_list:
- model_name: m
  litellm_params: {model: openai/nobody-knows-it, mock_response: Hello there, input_cost_per_token: ${dollars},
    output_cost_per_token: ${dollars}}
  model_info: {id: m-1}
`

test('a wrong price is put right from the command line, shown first, and undone', async () => {
  const folder = newFolder()
  const config = join(folder, 'config.yaml')
  const reprice = (...args: string[]) =>
    run([...PROGRAMS[0][1](), 'reprice', '--db', join(folder, 'tollgate.db'), ...args], { folder })
  try {
    const spendOf = async (text: string) => {
      await using server = await startServer({ folder, config: text })
      const { json } = await server.ask('/customer/info?end_user_id=alice')
      const spend = json.spend as number
      const logs = await server.ask('/spend/logs?end_user=alice')
      expect(await server.stop()).toBe(0)
      return { spend, corrections: logs.json.filter((one: { corrects: unknown }) => one.corrects) }
    }
    {
      await using server = await startServer({ folder, config: configOf('0.01') })
      const messages = [{ role: 'user', content: 'hi' }]
      await server.ask('/chat/completions', { json: { model: 'm', user: 'alice', messages } })
      expect((await reprice('--model', 'm', '--yes')).code).toBe(0)
      writeFileSync(config, configOf('0.001'))
      const running = await reprice('--model', 'm', '--yes')
      expect([running.code, running.errors]).toEqual([
        1,
        expect.stringContaining('Another Tollgate'),
      ])
      await server.stop()
    }
    const { spend } = await spendOf(configOf('0.001'))
    const shown = await reprice('--model', 'm')
    expect(shown.out).toMatch(
      /^deployment +rows +customers +cost was +cost is +charge was +charge is\n/,
    )
    expect(shown.out).toMatch(/\nm-1 +1 +1 +0\.\d+ +0\.\d+ +0\.\d+ +0\.\d+\nNothing is written yet/)
    const done = await reprice('--model', 'm', '--reason', 'a zero too few', '--yes')
    const [, batch] = /--undo (\w+) undoes them/.exec(done.out)!
    const again = await reprice('--model', 'm', '--yes')
    expect(again.out).toBe('Nothing is to be put right.\n1 more are right as they are.\n')
    const right = await spendOf(configOf('0.001'))
    expect(right.spend).toBeCloseTo(spend / 10, 9)
    expect(right.corrections).toMatchObject([
      { model: 'm', model_id: 'm-1', corrects: { batch, reason: 'a zero too few' } },
    ])
    const undone = await reprice('--undo', batch!, '--yes')
    expect(undone.out).toContain('1 correction written.')
    expect((await spendOf(configOf('0.001'))).spend).toBeCloseTo(spend, 9)
  } finally {
    rmSync(folder, { recursive: true })
  }
}, 30_000)

test('reprice says what is wrong with what it is asked for', async () => {
  const folder = newFolder()
  const { store, path } = await openStore({ path: join(folder, 'tollgate.db') })
  store.close()
  const cases: [args: string[], sentence: string][] = [
    [[], 'reprice needs --model NAME, or --undo BATCH.'],
    [['--undo', 'x', '--model', 'm'], '--undo names a batch, which is undone whole'],
    [['--undo', 'x'], 'There is no batch x of corrections.'],
    [['--model', 'demo', '--from', 'soon'], '--from must be a time'],
    [['--model', 'demo', '--deployment', 'x'], 'has no deployment x; of demo it has demo#1'],
  ]
  const told = cases.map(async ([args, sentence]) => {
    const command = [...PROGRAMS[0][1](), 'reprice', '--db', path, ...args]
    const { code, errors } = await run(command, { folder })
    expect([code, errors]).toEqual([1, expect.stringContaining(sentence)])
  })
  await Promise.all(told)
  rmSync(folder, { recursive: true })
})
