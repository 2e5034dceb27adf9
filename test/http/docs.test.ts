import { describe, expect, test } from 'bun:test'
import type { TSchema } from 'typebox'
import { Check } from 'typebox/value'
import { openStore } from '../support/store.ts'
import { NOW } from './fake-store.ts'
import { type Gateway, gatewayWith } from './gateway.ts'

type Content = Record<string, { schema?: TSchema; examples?: Record<string, { value: unknown }> }>
type Documented = {
  readonly summary?: string
  readonly description?: string
  readonly security?: unknown[]
  readonly parameters?: { name: string; in: string; description?: string; examples?: unknown[] }[]
  readonly requestBody?: { readonly content: Content }
  readonly responses: Record<string, { description?: string; content?: Content }>
}

async function documentOf({ get }: Gateway) {
  const { json } = await get('/docs/json', {})
  const operations = Object.entries(json.paths as Record<string, Record<string, Documented>>)
    .flatMap(([path, methods]) =>
      Object.entries(methods).map(([method, operation]) => ({ path, method, operation })),
    )
    .map((entry) => ({ ...entry, name: `${entry.method.toUpperCase()} ${entry.path}` }))
  const { schemas } = json.components as { schemas: Record<string, TSchema> }
  return { json, operations, schemas }
}

/** With every `$ref` replaced by what it stands for. */
function whole(schema: unknown, schemas: Record<string, TSchema>): TSchema {
  return JSON.parse(
    JSON.stringify(schema, (_, value) => {
      const name = value?.$ref?.replace('#/components/schemas/', '')
      return name === undefined ? value : whole(schemas[name], schemas)
    }),
  )
}

describe('the OpenAPI document', () => {
  test('has every route, except what serves the document itself', async () => {
    const gateway = gatewayWith()
    const { operations } = await documentOf(gateway)
    const hidden = /^GET (\/docs|\/(ui|portal)(\/(app|theme).*)?$|.*\*)/
    const routes = gateway.app.routes
      .map(({ method, path }) => `${method} ${path.replace(/:(\w+)/g, '{$1}')}`)
      .filter((route) => !hidden.test(route))
    expect(operations.map(({ name }) => name).sort()).toEqual([...new Set(routes)].sort())
    expect(routes.length).toBeGreaterThan(25)
  })

  test('has for each route a summary, a description, its answer and its refusals', async () => {
    const { operations } = await documentOf(gatewayWith())
    for (const { name, operation } of operations) {
      expect(operation.summary, name).toBeTruthy()
      expect(operation.description, name).toBeTruthy()
      const [answer] = Object.values(operation.responses['200']?.content ?? {})
      expect(answer?.schema, name).toBeDefined()
      const isOpen = operation.security?.length === 0
      expect(operation.responses['401'] === undefined, name).toBe(isOpen)
      for (const { name: parameter, description } of operation.parameters ?? []) {
        if (parameter !== 'id') expect(description, `${name} ${parameter}`).toBeTruthy()
      }
    }
  })

  test('describes every field, and gives an example of it', async () => {
    const { json } = await documentOf(gatewayWith())
    const bare: string[] = []
    const walk = (value: unknown, at: string) => {
      if (typeof value !== 'object' || value === null) return
      const { properties } = value as { properties?: Record<string, Record<string, unknown>> }
      for (const [name, field] of Object.entries(properties ?? {})) {
        if (at.includes('/v1/chat/completions')) continue
        const isWhole = field['properties'] || field['$ref'] || field['items'] || field['anyOf']
        const isNull = field['type'] === 'null'
        if (!isWhole && field['description'] === undefined) bare.push(`${at}.${name}: description`)
        if (!isWhole && !isNull && field['examples'] === undefined)
          bare.push(`${at}.${name}: example`)
      }
      for (const [name, inner] of Object.entries(value)) walk(inner, `${at}/${name}`)
    }
    walk(json, '')
    expect(bare).toEqual([])
  })

  test('says of bodies what they are: JSON, or forms where files come in', async () => {
    const { operations } = await documentOf(gatewayWith())
    for (const { name, method, operation } of operations) {
      if (method !== 'post' || /\/(cancel|session)$/.test(name)) continue
      const takesFiles = /transcriptions|translations|edits/.test(name)
      const type = takesFiles ? 'multipart/form-data' : 'application/json'
      expect(Object.keys(operation.requestBody?.content ?? {}), name).toEqual([type])
    }
  })

  test('has refusals in the one shape of errors', async () => {
    const { operations, schemas } = await documentOf(gatewayWith())
    for (const { name, operation } of operations) {
      for (const [status, { content }] of Object.entries(operation.responses)) {
        for (const { value } of Object.values(content?.['application/json']?.examples ?? {})) {
          expect(Check(schemas['Error']!, value), `${name} ${status}`).toBe(true)
          expect((value as { error: { code: string } }).error.code, name).toBe(status)
        }
      }
    }
  })
})

test('what the document gives as an example of a body is taken, and answered as it promises', async () => {
  const gateway = gatewayWith()
  const { operations, schemas } = await documentOf(gateway)
  const open = operations.filter(({ path }) => /^\/customer\/(?!credit)/.test(path))
  const budget = operations.filter(({ path }) => path.startsWith('/budget'))
  const inOrder = [...budget, ...open].filter(({ path }) => !path.endsWith('/delete'))
  const deletes = [...open, ...budget].filter(({ path }) => path.endsWith('/delete'))
  await gateway.post('/customer/new', { user_id: 'bob' })

  for (const { name, path, method, operation } of [...inOrder, ...deletes]) {
    const body = operation.requestBody?.content['application/json']?.schema as
      | { examples?: unknown[] }
      | undefined
    const [required] = operation.parameters ?? []
    const query = required === undefined ? '' : `?${required.name}=${required.examples?.[0]}`
    const { status, json } =
      method === 'post'
        ? await gateway.post(path, body?.examples?.[0])
        : await gateway.get(`${path}${query}`)
    expect([name, status, json]).toEqual([name, 200, json])
    const promised = whole(
      operation.responses['200']!.content!['application/json']!.schema,
      schemas,
    )
    expect([name, Check(promised, json)]).toEqual([name, true])
  }
})

test('what the document gives as an example of credit is taken, and answered as it promises', async () => {
  const { store } = await openStore({ now: NOW })
  const { order, ...reads } = store.credit
  const credit = { ...reads, order: (given: Parameters<typeof order>[0]) => order(given, true) }
  const gateway = gatewayWith({ customers: store, credit })
  const { operations, schemas } = await documentOf(gateway)
  await gateway.post('/customer/new', { user_id: 'alice' })
  const ofCredit = operations.filter(({ path }) => path.startsWith('/customer/credit'))
  expect(ofCredit).toHaveLength(5)
  for (const { name, path, method, operation } of ofCredit.sort(grantsFirst)) {
    const { schema } = operation.requestBody?.content['application/json'] ?? {}
    const { status, json } =
      method === 'post'
        ? await gateway.post(path, (schema as { examples: unknown[] }).examples[0])
        : await gateway.get(`${path}?end_user_id=alice`)
    expect([name, status, json]).toEqual([name, 200, json])
    const answer = operation.responses['200']!.content!['application/json']!.schema
    expect([name, Check(whole(answer, schemas), json)]).toEqual([name, true])
  }
})

const grantsFirst = (a: { path: string }, b: { path: string }) =>
  Number(b.path.endsWith('grant')) - Number(a.path.endsWith('grant'))

test('every body that the document gives as an example for keys is taken', async () => {
  const { store } = await openStore({ now: NOW })
  const gateway = gatewayWith({ keys: store.keys })
  const { operations, schemas } = await documentOf(gateway)
  const byKey = operations.filter(({ path }) => path.startsWith('/key'))
  expect(byKey).toHaveLength(9)
  for (const { name, path, method, operation } of byKey) {
    const { json: made } = await gateway.post('/key/generate', {})
    const body = operation.requestBody?.content['application/json']?.schema as
      | { examples?: Record<string, unknown>[] }
      | undefined
    const example = JSON.stringify(body?.examples?.[0] ?? {})
    const { token } = made
    const [{ status, json }] = [
      method === 'post'
        ? await gateway.post(path.replace('{key}', token), example.replace(HASH, token))
        : await gateway.get(`${path}?${path.endsWith('info') ? `key=${token}` : ''}`),
    ]
    expect([name, status, json]).toEqual([name, 200, json])
    const answer = operation.responses['200']!.content!['application/json']!.schema
    expect([name, Check(whole(answer, schemas), json)]).toEqual([name, true])
  }
})

/** The hash that the document shows. */
const HASH = /[0-9a-f]{64}/

test('models and health are answered as the document promises', async () => {
  const gateway = gatewayWith()
  const { operations, schemas } = await documentOf(gateway)
  for (const { path, name, operation } of operations) {
    if (!/^\/(v1|model|health)/.test(path) || path.endsWith('completions')) continue
    const [required] = operation.parameters ?? []
    const query = required?.in === 'query' ? `?${required.name}=${required.examples?.[0]}` : ''
    const { json } = await gateway.get(`${path.replace('{id}', 'demo')}${query}`)
    const promised = whole(
      operation.responses['200']!.content!['application/json']!.schema,
      schemas,
    )
    expect([name, Check(promised, json)]).toEqual([name, true])
  }
})

describe('the page', () => {
  test('asks nobody but us for anything', async () => {
    const { get } = gatewayWith()
    const { json: page, headers } = await get('/docs', {})
    expect(headers.get('content-type')).toBe('text/html; charset=utf-8')
    expect(page).not.toMatch(/https?:|(src|href)="\/\//)
    expect(headers.get('content-security-policy')).toContain("default-src 'self'")
  })

  test('can be had again and again', async () => {
    const { get } = gatewayWith()
    for (let i = 0; i < 3; i++) expect((await get('/docs', {})).json).toContain('swagger-ui.js')
  })

  test('finds everything that it names, with its type, to be kept for good', async () => {
    const { get } = gatewayWith()
    const { json: page } = await get('/docs', {})
    const assets = [...page.matchAll(/(?:src|href)="(\/[^"]+)"/g)].map((match) => match[1]!)
    expect(assets).toHaveLength(3)
    for (const path of assets) {
      const { status, headers } = await get(path, {})
      expect(status, path).toBe(200)
      const type = path.includes('.css') ? 'text/css' : 'text/javascript'
      expect(headers.get('content-type')).toBe(`${type}; charset=utf-8`)
      expect(headers.get('cache-control')).toContain('immutable')
    }
  })
})
