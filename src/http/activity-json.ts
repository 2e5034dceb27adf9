import * as Type from 'typebox'
import { Dollars, NullableText } from './fields.ts'

/** What `/customer/daily/activity` answers. */

const closed = { additionalProperties: false }
const count = (description: string, example: number) =>
  Type.Integer({ description, examples: [example] })

const Metrics = Type.Object(
  {
    spend: Dollars({ description: 'Dollars charged.', examples: [0.00004] }),
    prompt_tokens: count('Tokens read, of all kinds.', 10),
    completion_tokens: count('Tokens written, of all kinds.', 20),
    cache_read_input_tokens: count('Of those read, the ones from a cache.', 0),
    cache_creation_input_tokens: count('Of those read, the ones written to a cache.', 0),
    total_tokens: count('Tokens read and written.', 30),
    successful_requests: count('Calls, without those that failed.', 1),
    failed_requests: count('Calls that an upstream failed.', 0),
    api_requests: count('Calls.', 1),
  },
  closed,
)

const by = (what: string, metadata: Type.TSchema) =>
  Type.Record(Type.String(), Type.Object({ metrics: Metrics, metadata }, closed), {
    description: `The same by ${what}.`,
    examples: [{}],
  })

const nothing = Type.Object(
  {},
  { ...closed, description: "LiteLLM's; always empty.", examples: [{}] },
)

export const ActivitySchema = Type.Object(
  {
    results: Type.Array(
      Type.Object(
        {
          date: Type.String({ description: 'The day, in UTC.', examples: ['2026-11-01'] }),
          metrics: Metrics,
          breakdown: Type.Object(
            {
              models: by('the model that was asked for', nothing),
              providers: by('provider', nothing),
              api_keys: by(
                'key',
                Type.Object(
                  {
                    key_alias: NullableText({
                      description: "The key's alias.",
                      examples: ['backend'],
                    }),
                  },
                  closed,
                ),
              ),
              entities: by('customer', nothing),
            },
            closed,
          ),
        },
        closed,
      ),
      { description: 'Days, newest first.' },
    ),
    metadata: Type.Object(
      {
        total_spend: Dollars({ description: 'Dollars charged.', examples: [0.00004] }),
        total_prompt_tokens: count('Tokens read.', 10),
        total_completion_tokens: count('Tokens written.', 20),
        total_tokens: count('Both.', 30),
        total_api_requests: count('Calls.', 1),
        total_successful_requests: count('Calls, without those that failed.', 1),
        total_failed_requests: count('Calls that an upstream failed.', 0),
        page: count('This page.', 1),
        total_pages: count('How many there are.', 1),
        has_more: Type.Boolean({ description: 'Whether this is not the last.', examples: [false] }),
      },
      { ...closed, description: 'Sums of this page: those of all pages add up to the whole.' },
    ),
  },
  closed,
)
