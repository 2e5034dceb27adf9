import fc from 'fast-check'

/** JSON that may say what no value of ours can: a member twice, a number past every double. */
type Node =
  | string
  | { readonly items: readonly Node[] }
  | { readonly members: readonly (readonly [key: string, value: Node])[] }

function nodeOf(value: unknown): Node {
  if (Array.isArray(value)) return { items: value.map(nodeOf) }
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? 'null'
  return { members: Object.entries(value).map(([key, member]) => [key, nodeOf(member)]) }
}

function textOf(node: Node): string {
  if (typeof node === 'string') return node
  if ('items' in node) return `[${node.items.map(textOf)}]`
  return `{${node.members.map(([key, value]) => `${JSON.stringify(key)}:${textOf(value)}`)}}`
}

const nested = (depth: number, open: string, inner: string, close: string) =>
  open.repeat(depth) + inner + close.repeat(depth)

/** What belongs nowhere, each as JSON text. Some of it is no JSON at all. */
const STRANGE = [
  ...['null', 'true', 'false', '0', '-0', '-1', '1.5', '1e308', '-1e308', '1e999', '5e-324'],
  ...['9007199254740992', '9007199254740993', '1'.repeat(400), 'NaN', 'Infinity', 'undefined'],
  ...['""', '" "', '"0"', '"-1"', '"NaN"', '"1e999"', '"null"', '"true"', '"demo"', '"alice"'],
  ...['"\\ud800"', '"\\udc00a"', '"\\u0000"', '"a\\r\\nx-evil: 1"', '"\\u2028\\u202e"', '"\u0000"'],
  ...['"\\ufeff"', '"<script>alert(1)</script>"', '"\'; DROP TABLE ledger; --"', '"%00%0d%0a"'],
  ...['"2026-02-30"', '"+275761-01-01T00:00:00Z"', '"99999999999999999999d"', '"0s"', '"1e3d"'],
  ...['"__proto__"', '"constructor"', '"../../etc/passwd"', '"http://127.0.0.1:1/"', '"*"'],
  ...['[]', '[[]]', '[null]', '{}', '{"":{}}', '{"__proto__":{"isAdmin":true}}', '{"a":1,"a":2}'],
  ...['{"constructor":{"prototype":{}}}', '{"toString":null,"hasOwnProperty":1}', '{"length":-1}'],
  `"${'a'.repeat(257)}"`,
  `"${'€'.repeat(20_000)}"`,
  `[${'0,'.repeat(20_000)}0]`,
  nested(200, '[', '', ']'),
  nested(2_000, '{"a":', '1', '}'),
  nested(60_000, '[', '', ']'),
]

const strange = fc.constantFrom(...STRANGE)

const KEYS = ['__proto__', 'constructor', 'toString', 'hasOwnProperty', 'length', '', ' ', 'x']
const MORE_KEYS = ['\u0000', '\ud800', 'a\r\nb', 'a.b', 'a[0]', '~1', '*', 'k'.repeat(5_000)]
/** What calls may have and the document does not say. */
const CALL_KEYS = [
  ...['max_tokens', 'max_completion_tokens', 'n', 'stream_options', 'metadata', 'prompt', 'input'],
  ...['litellm_metadata', 'safety_identifier', 'tools', 'functions', 'response_format', 'content'],
]
const key = fc.oneof(
  fc.constantFrom(...KEYS, ...MORE_KEYS),
  fc.constantFrom(...CALL_KEYS),
  fc.string({ unit: 'grapheme' }),
)

/** One thing done to JSON that was right: `at` chooses where. */
type Edit = { readonly at: number; readonly apply: (children: Child[], index: number) => Child[] }
/** A member, or an item, which has no key. */
type Child = readonly [key: string, value: Node]

const replaceAt = (children: Child[], index: number, ...by: Child[]) =>
  children.toSpliced(index, 1, ...by)

const edit: fc.Arbitrary<Edit> = fc.record({
  at: fc.nat(1_000),
  apply: fc.oneof(
    strange.map(
      (text) => (all: Child[], i: number) => replaceAt(all, i, [all[i]?.[0] ?? 'x', text]),
    ),
    strange.map((text) => (all: Child[], i: number) => [
      ...all,
      [all[i]?.[0] ?? 'x', text] as Child,
    ]),
    fc.constant((all: Child[], i: number) => replaceAt(all, i)),
    fc.tuple(key, strange).map(([name, text]) => (all: Child[]) => [...all, [name, text] as Child]),
    key.map((name) => (all: Child[], i: number) => replaceAt(all, i, [name, all[i]?.[1] ?? '0'])),
    fc.constant((all: Child[], i: number) =>
      replaceAt(all, i, [misspelt(all[i]?.[0] ?? 'x'), all[i]?.[1] ?? '0']),
    ),
    fc.constant((all: Child[], i: number) =>
      replaceAt(all, i, [all[i]?.[0] ?? 'x', { items: [all[i]?.[1] ?? '0'] }]),
    ),
  ),
})

const misspelt = (name: string) => `${name.slice(0, -2)}${name.slice(-1)}${name.slice(-2, -1)}`

/** The edit done in one of the containers below, or in this one. */
function edited(node: Node, { at, apply }: Edit): Node {
  if (typeof node === 'string') return apply([['', node]], 0)[0]?.[1] ?? ''
  const children: Child[] =
    'items' in node ? node.items.map((item) => ['', item]) : [...node.members]
  const index = children.length === 0 ? 0 : at % children.length
  const child = children[index]?.[1]
  const isBelow = child !== undefined && typeof child !== 'string' && at % 3 === 0
  const all = isBelow
    ? replaceAt(children, index, [children[index]![0], edited(child, { at: at >> 2, apply })])
    : apply(children, index)
  return 'items' in node ? { items: all.map(([, value]) => value) } : { members: all }
}

/** JSON texts near those of `values`, and some that are near nothing. */
export const oddJson = (values: fc.Arbitrary<unknown>): fc.Arbitrary<string> =>
  fc.oneof(
    {
      weight: 5,
      arbitrary: fc
        .tuple(values, fc.array(edit, { minLength: 1, maxLength: 3 }))
        .map(([value, edits]) => textOf(edits.reduce(edited, nodeOf(value)))),
    },
    { weight: 1, arbitrary: strange },
  )
