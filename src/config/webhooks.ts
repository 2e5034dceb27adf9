import { nearest } from '../errors.ts'
import { EVENT_NAMES, type EventName } from '../ledger/event-name.ts'
import type { WebhookConfig } from './config.ts'
import { AN_ADDRESS, type Field, isAddress, type MapField, type Reader } from './reader.ts'
import { checkKeys } from './sections.ts'

/** LiteLLM's kinds of alerting besides `webhook`: https://docs.litellm.ai/docs/proxy/alerting */
const OTHER_ALERTING = new Set([
  'discord',
  'email',
  'microsoft_teams',
  'ms_teams',
  'pagerduty',
  'sentry',
  'slack',
  'teams',
])

/** The receiver that LiteLLM's settings make. */
const DEFAULT_NAME = 'default'

const NAME = /^[\w.-]{1,64}$/
const A_NAME = 'a name of up to 64 letters, digits, dots, hyphens and underscores'

/** Two, so that one can be replaced while receivers still know the other. */
const SECRETS_MAX = 2
const A_SECRET =
  'whsec_ and 24 to 64 bytes in base64 after it; `openssl rand -base64 32` makes such bytes'

type Sections = { readonly general: MapField | null; readonly tollgate: MapField | null }

/**
 * Who is told of events: the receiver of LiteLLM's `alerting: [webhook]`, whose address is
 * `WEBHOOK_URL`, and those of `tollgate_settings.webhooks`, which need no `alerting`.
 */
export function readWebhooks(reader: Reader, sections: Sections): readonly WebhookConfig[] {
  const list = reader.field(sections.tollgate, 'webhooks')
  const items = reader.items(list, 'a list of maps, each with a name and a url')
  const first = readDefault(reader, sections, items.length > 0)
  const webhooks = first === null ? [] : [first]
  for (const item of items) {
    const map = reader.map(item)
    const webhook = map === null ? null : readWebhook(reader, map)
    if (map === null || webhook === null) continue
    const { name } = webhook
    if (webhooks.some((other) => other.name === name)) {
      const whose = name === first?.name ? 'that of WEBHOOK_URL' : 'that of another receiver'
      const what = `is "${name}", ${whose} too; give each a name of its own`
      reader.report.problem(map.setting.line, `${map.name}.name ${what}`)
    }
    webhooks.push(webhook)
  }
  return webhooks
}

function readWebhook(reader: Reader, map: MapField): WebhookConfig | null {
  checkKeys(reader, map, 'webhook')
  const nameField = reader.field(map, 'name')
  const name = nameField === null ? null : reader.text(nameField)
  if (nameField === null) reader.missing(map, 'name', 'what the receiver is called, such as crm')
  else if (name !== null && !NAME.test(name)) reader.wrong(nameField, A_NAME)

  const urlField = reader.field(map, 'url')
  if (urlField === null) reader.missing(map, 'url', 'where events are POSTed')
  const url = reader.url(urlField === null ? null : { ...urlField, isSecret: true })
  const secrets = readSecrets(reader, map)
  const events = readEvents(reader, reader.field(map, 'events'))
  return name === null || url === null ? null : { name, url, secrets, events }
}

function readSecrets(reader: Reader, map: MapField): readonly string[] {
  const one = reader.field(map, 'secret')
  const several = reader.field(map, 'secrets')
  const both = reader.items(several, 'a list of one or two secrets, the new one first')
  if (one !== null && several !== null) {
    const what = 'stands beside secrets; put it into that list, or remove one of them'
    reader.report.problem(one.setting.line, `${one.name} ${what}`)
  } else if (both.length > SECRETS_MAX) {
    const what = `has ${both.length}; keep the new one and at most one that is to go`
    reader.report.problem(several!.setting.line, `${several!.name} ${what}`)
  }
  const secrets: string[] = []
  for (const field of one === null ? both : [one]) {
    const secret = reader.text(field)
    if (secret === null) continue
    if (isSecret(secret)) secrets.push(secret)
    else reader.wrong(field, A_SECRET)
  }
  return secrets
}

/** What Standard Webhooks asks of a secret: 192 to 512 bits. */
function isSecret(text: string): boolean {
  if (!text.startsWith('whsec_')) return false
  try {
    const { length } = atob(text.slice('whsec_'.length))
    return length >= 24 && length <= 64
  } catch {
    return false
  }
}

function readEvents(reader: Reader, field: Field | null): readonly EventName[] | null {
  if (field === null) return null
  const what = `a list of events, of ${EVENT_NAMES.join(', ')}; leave it out for all`
  const items = reader.items(field, what)
  if (field.setting.kind === 'list' && items.length === 0) reader.wrong(field, what)
  const names = new Set<EventName>()
  for (const item of items) {
    const text = reader.text(item)
    const name = EVENT_NAMES.find((known) => known === text)
    if (name !== undefined) names.add(name)
    else if (text !== null) reader.wrong(item, eventMeant(text))
  }
  return [...names]
}

function eventMeant(text: string): string {
  const meant = nearest(text, EVENT_NAMES)
  return meant === null ? `one of ${EVENT_NAMES.join(', ')}` : `an event, such as ${meant}`
}

/** Null unless `alerting` asks for webhooks and somebody said where they go. */
function readDefault(
  reader: Reader,
  { general, tollgate }: Sections,
  hasOthers: boolean,
): WebhookConfig | null {
  const fromFile = reader.url(reader.field(tollgate, 'webhook_url'))
  const alerting = reader.field(general, 'alerting')
  let isAsked = false
  for (const item of reader.items(alerting, 'a list, such as [webhook]')) {
    const kind = reader.text(item)
    if (kind === 'webhook') isAsked = true
    else if (kind !== null) tellOtherAlerting(reader, item, kind)
  }
  if (!isAsked || alerting === null) return null

  const fromEnvironment = reader.environment('WEBHOOK_URL')?.text
  if (fromEnvironment !== undefined && !isAddress(fromEnvironment)) {
    return reader.wrongVariable('WEBHOOK_URL', AN_ADDRESS)
  }
  const url = fromEnvironment ?? fromFile
  if (url !== null) {
    return { name: DEFAULT_NAME, url, secrets: secretsOfEnvironment(reader), events: null }
  }
  if (hasOthers) return null
  const right = 'set WEBHOOK_URL in the environment, or tollgate_settings.webhook_url'
  const what = `asks for webhooks and no address is set; ${right}`
  reader.report.warning(alerting.setting.line, `${alerting.name} ${what}`)
  return null
}

/** `WEBHOOK_SECRET`: one, or two with a space between them. */
function secretsOfEnvironment(reader: Reader): readonly string[] {
  const secrets = reader.environment('WEBHOOK_SECRET')?.text.trim().split(/\s+/) ?? []
  if (secrets.length <= SECRETS_MAX && secrets.every(isSecret)) return secrets
  reader.wrongVariable('WEBHOOK_SECRET', `${A_SECRET}; or two such with a space between them`)
  return []
}

function tellOtherAlerting(reader: Reader, item: Field, kind: string) {
  if (!OTHER_ALERTING.has(kind) && nearest(kind, ['webhook']) !== null) {
    reader.wrong(item, 'webhook')
    return
  }
  const what = OTHER_ALERTING.has(kind) ? `${kind} ` : ''
  const { line } = item.setting
  reader.report.warning(line, `${item.name}: ${what}has no effect in Tollgate yet; webhook has`)
}
