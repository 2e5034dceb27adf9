import { dollarsText, fromDollars } from '../ledger/money.ts'
import { escaped } from './page.ts'
import type { StatementJson } from './statement-json.ts'

/** A statement as a page to print: one file, with nothing that it would have to load. */
export function statementPage(statement: StatementJson, operator: string): string {
  const { user_id: id, alias, start_date: start, end_date: end, usage, credit } = statement
  const { corrections, total, opening_balance: opening, closing_balance: closing } = statement
  const name = alias === null ? id : `${alias} (${id})`
  const title = `Statement of ${name}, ${start} to ${end}`
  const money = moneyIn(statement.currency)
  const rate = rateText(statement.currency)
  const usageRows = usage.map((of) => {
    const { date, model, calls, prompt_tokens: read, completion_tokens: wrote } = of
    return row([date, model], [String(calls), String(read), String(wrote), money(of.charge)])
  })
  const creditRows = credit.map(({ at, kind, reason, amount }) =>
    row([at.slice(0, 10), kind, reason ?? ''], [money(amount)]),
  )
  const correctionRows = corrections.map(({ at, reason, amount }) =>
    row([at.slice(0, 10), reason ?? 'correction'], [money(amount)]),
  )
  const sums: [string, number | null][] = [
    ['Opening balance', opening],
    ['Granted', opening === null ? null : total.granted],
    ['Adjusted', opening === null ? null : total.adjusted],
    ['Expired', opening === null ? null : -total.expired],
    ['Refunded', opening === null ? null : -total.refunded],
    [
      opening === null ? 'Charged' : 'Charged to credit',
      opening === null ? total.charge : -total.drawn,
    ],
    ['Closing balance', closing],
  ]
  const sumRows = sums.flatMap(([what, dollars]) =>
    dollars === null ? [] : [row([what], [money(dollars)])],
  )
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>${escaped(title)}</title><style>${STYLE}</style></head><body>
<header><p>${escaped(operator)}</p><h1>Statement</h1>
<p><strong>${escaped(name)}</strong><br>${start} to ${end}, days in UTC</p></header>
${table('Summary', [], sumRows)}
${table('Usage', ['Day', 'Model', '#Calls', '#Tokens in', '#Tokens out', '#Charge'], usageRows)}
${table('Credit', ['Day', 'What', 'Reason', '#Amount'], creditRows)}
${table('Corrections', ['Day', 'Reason', '#Amount'], correctionRows)}
<p>${total.calls} calls, ${escaped(money(total.charge))} charged in all${rate}.</p>
</body></html>`
}

/** To the last digit that there is, and at least to the cent. */
function moneyIn(currency: StatementJson['currency']): (dollars: number) => string {
  return (dollars) => {
    if (currency !== null) return `${(dollars * currency.rate).toFixed(6)} ${currency.code}`
    const text = dollarsText(fromDollars(Math.abs(dollars)))
    const [whole, fraction = ''] = text.split('.')
    return `${dollars < 0 ? '−' : ''}$${whole}.${fraction.padEnd(2, '0')}`
  }
}

const rateText = (currency: StatementJson['currency']): string =>
  currency === null ? '' : `, shown at ${currency.rate} ${escaped(currency.code)} a dollar`

const row = (texts: readonly string[], numbers: readonly string[]): string =>
  `<tr>${texts.map((text) => `<td>${escaped(text)}</td>`).join('')}${numbers
    .map((number) => `<td class="number">${escaped(number)}</td>`)
    .join('')}</tr>`

/** Nothing where there are no rows. A heading that begins with `#` is of numbers. */
function table(caption: string, heads: readonly string[], rows: readonly string[]): string {
  if (rows.length === 0) return ''
  const cells = heads.map((head) =>
    head.startsWith('#')
      ? `<th scope="col" class="number">${head.slice(1)}</th>`
      : `<th scope="col">${head}</th>`,
  )
  const head = heads.length === 0 ? '' : `<thead><tr>${cells.join('')}</tr></thead>`
  return `<table><caption>${caption}</caption>${head}<tbody>${rows.join('\n')}</tbody></table>`
}

const STYLE = `
body { font: 14px/1.5 system-ui, sans-serif; color: #1a1a1a; background: #fff; max-width: 60rem;
  margin: 2rem auto; padding: 0 1rem }
h1 { font-size: 1.6rem; margin: 0 0 .5rem }
table { border-collapse: collapse; width: 100%; margin: 1.5rem 0 }
caption { text-align: left; font-weight: 600; font-size: 1.1rem; padding: .3rem 0 }
th, td { text-align: left; padding: .3rem .6rem .3rem 0; border-bottom: 1px solid #ddd;
  overflow-wrap: anywhere }
.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap }
@media print { body { margin: 0; max-width: none } tr { break-inside: avoid } }`
