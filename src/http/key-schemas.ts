import * as Type from 'typebox'
import { Id } from './fields.ts'
import { keyFields } from './key-fields.ts'
import { KEY_PROPERTIES } from './key-json.ts'
import { SENTENCE, type Sentence } from './misfit.ts'
import { named } from './operation.ts'
import { checked } from './schema.ts'

/** What the routes of keys take and answer. */

const KEYS_MAX = 10_000
const HASH = '88dc28d0f030c55ed4ab77ed8faf098196cb1c05df778539800c9f1243fe6b4b'

const nameSentence: Sentence = (field) => `${field} must be a key, or the hash of one`

const KeyName = Type.Unsafe<string>({
  type: 'string',
  minLength: 1,
  maxLength: 256,
  description: 'The key, or its hash (`token`) as lists show it.',
  examples: [HASH],
  [SENTENCE]: nameSentence,
})

/** Neither sentence shows what was sent: it may be a key. */
const secretSentence: Sentence = (field) =>
  `${field} must be sk- and 16 to 253 characters after it, without spaces`

/** Long enough that nobody guesses it, if it is as random as it is long. */
const Secret = Type.Optional(
  Type.Unsafe<string | null>({
    type: ['string', 'null'],
    pattern: '^sk-[\\x21-\\x7e]{16,253}$',
    description:
      '`sk-` and 16 characters or more, in place of one that is made up: for keys that your ' +
      'clients have already.',
    examples: ['sk-9f86d081884c7d659a2feaa0c55ad015'],
    [SENTENCE]: secretSentence,
  }),
)

export const NewKey = checked(
  keyFields(
    { key: Secret },
    { key_alias: 'backend', customer_id: 'alice', max_budget: 10, duration: '30d' },
  ),
)
export const KeyUpdate = checked(keyFields({ key: KeyName }, { key: HASH, max_budget: 20 }))
export const KeyAgain = checked(
  keyFields({ key: KeyName, new_key: Secret }, { key: HASH, duration: '30d' }),
)
export const KeyAgainByPath = checked(
  keyFields({ key: Type.Optional(KeyName), new_key: Secret }, { duration: '30d' }),
)
const closed = { additionalProperties: false }
export const OneKey = checked(
  Type.Object({ key: KeyName }, { ...closed, examples: [{ key: HASH }] }),
)
export const ManyKeys = checked(
  Type.Object(
    {
      keys: Type.Optional(
        Type.Array(KeyName, {
          maxItems: KEYS_MAX,
          description: 'The keys, or their hashes.',
          examples: [[HASH]],
        }),
      ),
      key_aliases: Type.Optional(
        Type.Array(Id({ description: 'The alias of a key.', examples: ['backend'] }), {
          maxItems: KEYS_MAX,
          description: 'Their aliases; has no effect beside `keys`.',
          examples: [['backend']],
        }),
      ),
    },
    { ...closed, examples: [{ keys: [HASH] }] },
  ),
)
export const InfoQuery = checked(
  Type.Object(
    {
      key: Type.Optional({
        ...KeyName,
        description: 'The key, or its hash. Left out: the one that the request comes with.',
      }),
    },
    closed,
  ),
)
export const KeyPath = checked(Type.Object({ key: KeyName }))

export const answerKey = { description: 'The key.', schema: named('Key') }
export const answerSecret = {
  description: 'The key. It is shown here and nowhere else: keep it.',
  schema: Type.Object(
    {
      key: Type.String({
        description: 'What clients send. Only its hash is kept.',
        examples: ['sk-yqfL8WfIDFqzvZbCHbJzkgVcHyXnx4Qd'],
      }),
      token_id: Type.String({ description: 'The same as `token`.', examples: [HASH] }),
      ...KEY_PROPERTIES,
    },
    closed,
  ),
}
export const answerInfo = {
  description: 'The key.',
  schema: Type.Object(
    { key: Type.String({ description: 'Its hash.', examples: [HASH] }), info: named('Key') },
    closed,
  ),
}
export const answerUpdate = {
  description: 'The key, as it is now.',
  schema: Type.Object(
    { key: Type.String({ description: 'Its hash.', examples: [HASH] }), ...KEY_PROPERTIES },
    closed,
  ),
}
export const answerDeleted = {
  description: 'Which.',
  schema: Type.Object(
    {
      deleted_keys: Type.Array(Type.String(), {
        description: 'Their hashes; their aliases if those were sent.',
        examples: [[HASH]],
      }),
    },
    closed,
  ),
}
