import { useState } from 'preact/hooks'
import { Field } from '../form.tsx'
import { exactCount, perMillion } from '../format.ts'
import { Badge, Copy } from '../parts.tsx'
import { type Deployment, isPriced } from './deployment.ts'

/** LiteLLM's keys for a token of each kind, in the order in which people look for them. */
const TOKEN_PRICES = [
  ['input_cost_per_token', 'input'],
  ['cache_read_input_token_cost', 'input from a cache'],
  ['cache_creation_input_token_cost', 'input into a cache'],
  ['cache_creation_input_token_cost_above_1hr', 'into a cache for an hour'],
  ['input_cost_per_audio_token', 'input of sound'],
  ['input_cost_per_image_token', 'input of pictures'],
  ['output_cost_per_token', 'output'],
  ['output_cost_per_reasoning_token', 'reasoning'],
  ['output_cost_per_audio_token', 'output of sound'],
  ['output_cost_per_image_token', 'output of pictures'],
] as const

/** What is not counted in tokens; for a million of those of which one costs next to nothing. */
const UNIT_PRICES = [
  ['output_cost_per_image', 'a picture', false],
  ['input_cost_per_second', 'a second of sound', false],
  ['input_cost_per_character', 'a million characters', true],
  ['input_cost_per_pixel', 'a million pixels', true],
] as const

type Line = { readonly name: string; readonly price: string }

/** Kinds that cost the same as plain input or output are left out: they are these. */
function tokenLines(info: Deployment['model_info'], suffix: string): Line[] {
  const priceOf = (key: string) => info[`${key}${suffix}`] as number | undefined
  const plain = [priceOf('input_cost_per_token'), priceOf('output_cost_per_token')]
  return TOKEN_PRICES.flatMap(([key, name]) => {
    const price = priceOf(key)
    if (price === undefined) return []
    const isPlain = key === 'input_cost_per_token' || key === 'output_cost_per_token'
    const of = /^output/.test(key) ? plain[1] : plain[0]
    return isPlain || price !== of ? [{ name, price: perMillion(price) }] : []
  })
}

function unitLines(info: Deployment['model_info']): Line[] {
  return UNIT_PRICES.flatMap(([key, name, isTiny]) => {
    const price = info[key] as number | undefined
    if (price === undefined) return []
    return [{ name, price: isTiny ? perMillion(price) : perMillion(price / 1e6) }]
  })
}

/** From how many thousands of tokens of input on there are other prices. */
const tiersOf = (info: Deployment['model_info']): number[] =>
  Object.keys(info)
    .flatMap((key) => /^input_cost_per_token_above_(\d+)k_tokens$/.exec(key)?.[1] ?? [])
    .map(Number)
    .sort((a, b) => a - b)

/** What a deployment's tokens cost by kind, dollars a million, and who says so. */
export function Prices({ of }: { readonly of: Deployment }) {
  const { model_info: info } = of
  if (!isPriced(of)) return <Badge tone="bad">no price</Badge>
  const tokens = tokenLines(info, '')
  return (
    <div class="prices">
      {tokens.length > 0 && <PriceList title="a million tokens" lines={tokens} />}
      {tiersOf(info).map((thousands) => (
        <PriceList
          key={thousands}
          title={`in calls with more than ${exactCount(thousands * 1_000)} tokens of input`}
          lines={tokenLines(info, `_above_${thousands}k_tokens`)}
        />
      ))}
      <PriceList title="" lines={unitLines(info)} />
      <small class="muted">{sourceText(info.price_source!)}</small>
    </div>
  )
}

const PriceList = ({
  title,
  lines,
}: {
  readonly title: string
  readonly lines: readonly Line[]
}) => (
  <>
    {title !== '' && <small class="muted">{title}</small>}
    {lines.length > 0 && (
      <dl class="rows">
        {lines.map(({ name, price }) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd class="number">{price}</dd>
          </div>
        ))}
      </dl>
    )}
  </>
)

const PUBLISHED = 'genai-prices '

function sourceText(source: string): string {
  if (source === 'config') return 'from the config'
  if (source === 'demo') return 'made up for the demo'
  const name = source.startsWith(PUBLISHED) ? source.slice(PUBLISHED.length) : source
  return `published: ${name}`
}

/** What is wrong with a deployment that has no price, and the lines of the config that mend it. */
export function PriceFix({ of }: { readonly of: Deployment }) {
  const [input, setInput] = useState('')
  const [output, setOutput] = useState('')
  const { model, api_base } = of.litellm_params
  const line = of.model_info.config_line
  return (
    <div class="problem price-fix">
      <p>
        <strong>{model} has no price.</strong> Neither the config nor the published table tells one,
        so its calls are refused for every customer and key that has a budget. Calls of others are
        taken, and booked at $0.
      </p>
      <p>
        Type what its provider asks, and add these lines to its entry in the config
        {line !== undefined && ` (line ${line})`}, then restart. 0 makes it free.
      </p>
      <div class="columns">
        <PriceField label="Input, $ a million tokens" value={input} onValue={setInput} />
        <PriceField label="Output, $ a million tokens" value={output} onValue={setOutput} />
      </div>
      <Copy
        label={`The lines that give ${of.model_name} a price`}
        text={[
          'model_list:',
          `  - model_name: ${yaml(of.model_name)}`,
          '    litellm_params:',
          `      model: ${yaml(model)}`,
          ...(api_base === undefined ? [] : [`      api_base: ${yaml(api_base)}`]),
          `      input_cost_per_token: ${perToken(input)}`,
          `      output_cost_per_token: ${perToken(output)}`,
          ...(model.startsWith('azure')
            ? ['    # Or, of which model the Azure deployment is:', '    # model_info:']
            : []),
          ...(model.startsWith('azure') ? ['    #   base_model: azure/gpt-4o'] : []),
        ].join('\n')}
      />
      <p class="hint">
        Pictures and sound are priced by <code>output_cost_per_image</code>,{' '}
        <code>input_cost_per_second</code> or <code>input_cost_per_character</code> instead.{' '}
        <code>tollgate check</code> shows what the config makes of it.
      </p>
    </div>
  )
}

const PriceField = ({
  label,
  value,
  onValue,
}: {
  readonly label: string
  readonly value: string
  readonly onValue: (value: string) => void
}) => (
  <Field label={label}>
    {(ids) => (
      <input
        {...ids}
        type="number"
        min="0"
        step="any"
        inputMode="decimal"
        value={value}
        onInput={(event) => onValue(event.currentTarget.value)}
      />
    )}
  </Field>
)

/** Without a price yet a comment in its place, which leaves the model unpriced, and not free. */
function perToken(perMillionTokens: string): string {
  const dollars = Number(perMillionTokens)
  if (perMillionTokens.trim() === '' || !(dollars >= 0)) return '# dollars for one token'
  return Number((dollars / 1e6).toPrecision(12))
    .toFixed(15)
    .replace(/\.?0+$/, '')
}

/** A text as YAML: as it is where that can only be read as text. */
const yaml = (text: string): string =>
  /^[a-zA-Z][\w./-]*(?::\/\/[\w./:-]*)?$/.test(text) &&
  !/^(true|false|null|yes|no|on|off)$/i.test(text)
    ? text
    : JSON.stringify(text)
