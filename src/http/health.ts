import { Elysia } from 'elysia'
import * as Type from 'typebox'
import { Refusal } from '../errors.ts'
import { named, operation } from './operation.ts'

export type HealthParts = {
  /** Whether calls can be taken: false while the store cannot write. */
  isReady(): boolean
}

const PREFIX = '/health'

/** These need no key. */
export const HEALTH_PATHS = ['liveliness', 'liveness', 'readiness'].map(
  (name) => `${PREFIX}/${name}`,
)

const tag = 'Health'

const aliveDetail = operation({
  tag,
  isOpen: true,
  summary: 'Whether the process runs',
  description: 'Needs no key. If this does not answer, restart the process.',
  answer: {
    description: 'It runs.',
    schema: Type.String({ description: 'A word of life.', examples: ["I'm alive!"] }),
    example: "I'm alive!",
  },
})

const status = (ready: boolean) =>
  ready
    ? ({ status: 'healthy', db: 'connected' } as const)
    : ({ status: 'unhealthy', db: 'failing' } as const)

const HEALTH = {
  status: Type.Enum(['healthy', 'unhealthy'], {
    type: 'string',
    description: 'Whether calls can be taken.',
    examples: ['healthy'],
  }),
  db: Type.Enum(['connected', 'failing'], {
    type: 'string',
    description: 'Whether the database can be written.',
    examples: ['connected'],
  }),
}

const notReady = new Refusal(
  'overloaded',
  'The database cannot be written; no call can be taken.',
  {
    headers: { 'retry-after': '1' },
  },
)

/** For load balancers and supervisors: open to anyone, and not a word more than they need. */
export const healthRoutes = ({ isReady }: HealthParts) =>
  new Elysia({ prefix: PREFIX, normalize: false })
    .get('/liveliness', () => Response.json("I'm alive!"), { detail: aliveDetail })
    .get('/liveness', () => Response.json("I'm alive!"), { detail: aliveDetail })
    .get(
      '/readiness',
      () => {
        if (isReady()) return Response.json(status(true))
        const { status: code, headers } = notReady
        return Response.json({ ...status(false), ...notReady.toJSON() }, { status: code, headers })
      },
      {
        detail: operation({
          tag,
          isOpen: true,
          summary: 'Whether calls can be taken',
          description: 'Needs no key. While this is a 503, send calls elsewhere.',
          answer: {
            description: 'They can.',
            schema: Type.Object(HEALTH, { additionalProperties: false }),
            example: status(true),
          },
          otherAnswers: {
            503: {
              description: 'They cannot: the database cannot be written.',
              schema: Type.Object({ ...HEALTH, error: named('Error') }),
              example: { ...status(false), ...notReady.toJSON() },
            },
          },
        }),
      },
    )
