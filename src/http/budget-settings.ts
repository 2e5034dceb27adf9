import * as Type from 'typebox'
import { type BudgetJson, BudgetSchema } from './budget-json.ts'

/** What `/budget/settings` lists: LiteLLM's in its order and with its types, and then ours. */
const SETTINGS = [
  { name: 'max_parallel_requests', type: 'Integer' },
  { name: 'tpm_limit', type: 'Integer' },
  { name: 'rpm_limit', type: 'Integer' },
  { name: 'budget_duration', type: 'String' },
  { name: 'max_budget', type: 'Float' },
  { name: 'soft_budget', type: 'Float' },
  { name: 'model_max_budget', type: 'Object' },
  { name: 'budget_mode', type: 'String' },
  { name: 'models', type: 'Array' },
  { name: 'timezone', type: 'String' },
  { name: 'week_start', type: 'Integer' },
  { name: 'day_of_month', type: 'Integer' },
] as const

export const BudgetSettings = Type.Array(
  Type.Object(
    {
      field_name: Type.String({ description: 'The limit.', examples: ['max_budget'] }),
      field_type: Type.Enum(['Integer', 'Float', 'String', 'Object', 'Array'], {
        type: 'string',
        description: 'What its value is.',
        examples: ['Float'],
      }),
      field_description: Type.String({
        description: 'What it limits.',
        examples: ['Most dollars in a period.'],
      }),
      field_value: Type.Unknown({
        description: 'What it is set to; null: not set.',
        examples: [100],
      }),
      stored_in_db: Type.Boolean({ description: 'Always true.', examples: [true] }),
      field_default_value: Type.Null({ description: 'Always null: not limited.' }),
    },
    { additionalProperties: false },
  ),
)

/** A budget taken apart into its limits, for forms. */
export const budgetSettings = (budget: BudgetJson): Type.Static<typeof BudgetSettings> =>
  SETTINGS.map(({ name, type }) => ({
    field_name: name,
    field_type: type,
    field_description:
      (BudgetSchema.properties[name] as { description?: string }).description ?? '',
    field_value: budget[name],
    stored_in_db: true,
    field_default_value: null,
  }))
