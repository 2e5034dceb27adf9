import { Elysia } from 'elysia'
import { Refusal } from '../errors.ts'
import type { BudgetedKey, SecretMark } from '../ledger/key.ts'
import type { Authenticate } from './auth.ts'
import { limitsAnything } from './budget-json.ts'
import { type KeyChange, type KeyFields, readKeyChange } from './key-fields.ts'
import { type KeyTab, keyJson } from './key-json.ts'
import { answerKeys, KeyListQuery, type KeyQuery, readKeyQuery } from './key-list.ts'
import {
  answerDeleted,
  answerInfo,
  answerKey,
  answerSecret,
  answerUpdate,
  InfoQuery,
  KeyAgain,
  KeyAgainByPath,
  KeyPath,
  KeyUpdate,
  ManyKeys,
  NewKey,
  OneKey,
} from './key-schemas.ts'
import { KEY_BODY, OPTIONAL_KEY_BODY } from './litellm-key-body.ts'
import { operation } from './operation.ts'
import { plainQuery } from './query.ts'
import { hashNamed, markOf, newSecret } from './secret.ts'
import { notServed, requireServed, requireServedIn } from './served-models.ts'

/** What these routes need of the store. */
export type KeyStore = {
  find(hash: string): BudgetedKey | null
  findByAlias(alias: string): BudgetedKey | null
  list(query: KeyQuery): { readonly keys: readonly BudgetedKey[]; readonly total: number }
  /** Throws `conflict` for an alias or a secret that is taken, `not_found` for the budget. */
  create(mark: SecretMark, given: KeyChange): Promise<BudgetedKey>
  /** `mark` is that of a new secret. Throws as `create`, and `not_found` for the key. */
  update(hash: string, change: KeyChange, mark?: SecretMark): Promise<BudgetedKey>
  /** Throws `not_found` naming the unknown ones, and then deletes none. */
  remove(hashes: readonly string[]): Promise<void>
}

export type KeyParts = KeyTab & {
  readonly keys: KeyStore
  readonly authenticate: Authenticate
  /** Whether a secret is the master key, which can be no virtual key besides. */
  isMasterKey(secret: string): boolean
  /** The names of the served models. */
  models(): readonly string[]
  now(): number
}

const tag = 'Keys'

const keyNotFound = (param = 'key') =>
  new Refusal('not_found', 'Key not found in database', { param })
const aliasTaken = new Refusal(
  'conflict',
  "Key with alias 'backend' already exists. Unique key aliases across all keys are required.",
  { param: 'key_alias' },
)
const misspelt = new Refusal(
  'invalid_request',
  'Unknown field "max_bugdet"; did you mean max_budget?',
  { param: 'max_bugdet' },
)
const notYours = () =>
  new Refusal(
    'forbidden',
    'A key may look at itself alone. Use the master key, or leave `key` out.',
    { param: 'key' },
  )
const noKeys = () =>
  new Refusal('invalid_request', "At least one of 'keys' or 'key_aliases' must be provided", {
    param: 'keys',
  })

/** Virtual keys, by the paths and in the words of LiteLLM. */
export function keyRoutes(parts: KeyParts) {
  const { keys } = parts
  const json = (key: BudgetedKey) => keyJson(key, parts)
  const withSecret = (secret: string, made: BudgetedKey) => {
    const { token, ...rest } = json(made)
    return { key: secret, token, token_id: token, ...rest }
  }
  const read = (fields: KeyFields): KeyChange => {
    const change = readKeyChange(fields, parts.now())
    requireServed(change.profile.models ?? [], parts.models(), 'models')
    requireServedIn(change.limits ?? {}, parts.models())
    return change
  }
  const secretFrom = (given: string | null | undefined, field: string): string => {
    if (given === undefined || given === null) return newSecret()
    if (!parts.isMasterKey(given)) return given
    throw new Refusal('conflict', 'This key exists already.', { param: field })
  }
  const hashOfAlias = (alias: string): string => {
    const found = keys.findByAlias(alias)
    if (found === null) throw keyNotFound('key_aliases')
    return found.key.hash
  }
  const block = async (key: string, blocked: boolean) =>
    json(await keys.update(hashNamed(key), { profile: { blocked }, limits: null, spent: null }))
  const regenerate = async (
    key: string,
    { new_key, ...fields }: KeyFields & { new_key?: string | null },
  ) => {
    const secret = secretFrom(new_key, 'new_key')
    return withSecret(secret, await keys.update(hashNamed(key), read(fields), markOf(secret)))
  }

  return new Elysia({ prefix: '/key', normalize: false })
    .post(
      '/generate',
      async ({ body: { key, ...fields } }) => {
        const { limits, ...change } = read(fields)
        // Limits of null alone are LiteLLM's way of saying "none": no budget is made of them.
        const own = limits !== null && limitsAnything(limits) ? limits : null
        const secret = secretFrom(key, 'key')
        return withSecret(secret, await keys.create(markOf(secret), { ...change, limits: own }))
      },
      {
        parse: KEY_BODY,
        body: NewKey,
        detail: operation({
          tag,
          summary: 'Make a virtual key',
          description:
            'For calls in place of the master key: with an end, a list of models, a budget and ' +
            'limits of its own, and, with `customer_id`, on the tab of one customer whatever its ' +
            'calls say. The key is shown in this answer alone. Fields of LiteLLM that have no ' +
            'effect are taken when they are empty, and refused when they say something.',
          answer: answerSecret,
          refusals: [aliasTaken, misspelt, notServed('gpt-9', ['demo'], 'models')],
        }),
      },
    )
    .get(
      '/info',
      ({ query, request }) => {
        const caller = parts.authenticate(request)
        const own = caller === 'master' ? null : caller.hash
        const hash = query.key === undefined ? own : hashNamed(query.key)
        if (caller !== 'master' && caller.role === 'calls' && hash !== own) throw notYours()
        const found = hash === null ? null : keys.find(hash)
        if (found === null) throw keyNotFound()
        return { key: found.key.hash, info: json(found) }
      },
      {
        transform: plainQuery,
        query: InfoQuery,
        detail: operation({
          tag,
          summary: 'What was spent with a key, and its limits',
          description: 'A virtual key for calls may ask this of itself.',
          answer: answerInfo,
          refusals: [keyNotFound(), notYours()],
        }),
      },
    )
    .get(
      '/list',
      ({ query }) => {
        const asked = readKeyQuery(query)
        const { keys: found, total } = keys.list(asked)
        return {
          keys: query.return_full_object ? found.map(json) : found.map(({ key }) => key.hash),
          total_count: total,
          current_page: asked.page,
          total_pages: Math.ceil(total / asked.pageSize),
        }
      },
      {
        transform: plainQuery,
        query: KeyListQuery,
        detail: operation({
          tag,
          summary: 'List the keys',
          description: 'One page of their hashes, or of whole keys.',
          answer: answerKeys,
        }),
      },
    )
    .post(
      '/update',
      async ({ body: { key, ...fields } }) => {
        const updated = await keys.update(hashNamed(key), read(fields))
        return { key: updated.key.hash, ...json(updated) }
      },
      {
        parse: KEY_BODY,
        body: KeyUpdate,
        detail: operation({
          tag,
          summary: 'Change a key',
          description:
            'Only what is sent changes, for the next call on, and null clears. Limits sent for a ' +
            'key on a shared budget give it a budget of its own, made from the shared one.',
          answer: answerUpdate,
          refusals: [keyNotFound(), aliasTaken, misspelt],
        }),
      },
    )
    .post(
      '/delete',
      async ({ body: { keys: named = [], key_aliases: aliases = [] } }) => {
        if (named.length + aliases.length === 0) throw noKeys()
        const hashes = named.length > 0 ? named.map(hashNamed) : aliases.map(hashOfAlias)
        await keys.remove(hashes)
        return { deleted_keys: named.length > 0 ? hashes : aliases }
      },
      {
        parse: KEY_BODY,
        body: ManyKeys,
        detail: operation({
          tag,
          summary: 'Delete keys',
          description:
            'All of them or, if one is unknown, none. Their next calls are refused; those in ' +
            'flight end and are charged. The ledger keeps what was spent with them.',
          answer: answerDeleted,
          refusals: [keyNotFound('keys'), noKeys()],
        }),
      },
    )
    .post('/block', ({ body }) => block(body.key, true), {
      parse: KEY_BODY,
      body: OneKey,
      detail: operation({
        tag,
        summary: 'Block a key',
        description: 'Its calls are refused from now on.',
        answer: answerKey,
        refusals: [keyNotFound()],
      }),
    })
    .post('/unblock', ({ body }) => block(body.key, false), {
      parse: KEY_BODY,
      body: OneKey,
      detail: operation({
        tag,
        summary: 'Unblock a key',
        description: 'Its calls are taken again.',
        answer: answerKey,
        refusals: [keyNotFound()],
      }),
    })
    .post('/regenerate', ({ body: { key, ...fields } }) => regenerate(key, fields), {
      parse: KEY_BODY,
      body: KeyAgain,
      detail: operation({
        tag,
        summary: 'Make the secret of a key anew',
        description:
          'The old one is refused from now on. All else of the key stays, with what was spent ' +
          'and what is held; fields that are sent change it as `/key/update` does.',
        answer: answerSecret,
        refusals: [keyNotFound(), aliasTaken],
      }),
    })
    .post(
      '/:key/regenerate',
      ({ params, body: { key, ...fields } }) => regenerate(key ?? params.key, fields),
      {
        parse: OPTIONAL_KEY_BODY,
        params: KeyPath,
        body: KeyAgainByPath,
        detail: operation({
          tag,
          summary: 'Make the secret of a key anew, by its path',
          description: 'As `/key/regenerate`. A key in the body comes before that of the path.',
          answer: answerSecret,
          refusals: [keyNotFound(), aliasTaken],
        }),
      },
    )
}
