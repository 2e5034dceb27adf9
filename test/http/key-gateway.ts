import { expect } from 'bun:test'
import { openStore } from '../support/store.ts'
import { NOW } from './fake-store.ts'
import { deployment, gatewayWith } from './gateway.ts'

/** Our app over a real store, with the models `demo` and `gpt-4o`. */
export async function withStore() {
  const { store } = await openStore({ now: NOW })
  const gateway = gatewayWith({
    customers: store,
    budgets: store,
    keys: store.keys,
    deployments: ['demo', 'gpt-4o'].map((modelName) => deployment({ modelName })),
  })
  const generate = async (fields: object = {}) => {
    const { status, json } = await gateway.post('/key/generate', fields)
    expect([status, json]).toEqual([200, json])
    return json
  }
  const infoOf = async (key: string) => (await gateway.get(`/key/info?key=${key}`)).json.info
  return { ...gateway, store, generate, infoOf }
}

/** The headers of a request with a key. */
export const as = (key: string) => ({ authorization: `Bearer ${key}` })
