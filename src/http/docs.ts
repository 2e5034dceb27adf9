import { swagger } from '@elysiajs/swagger'
import { Elysia } from 'elysia'
import manifest from 'swagger-ui-dist/package.json' with { type: 'json' }
import style from 'swagger-ui-dist/swagger-ui.css' with { type: 'text' }
import script from 'swagger-ui-dist/swagger-ui-bundle.js' with { type: 'text' }
import type { TSchema } from 'typebox'

/**
 * The API's documentation: the OpenAPI document at `/docs/json`, and a page of it at `/docs`.
 *
 * The plugin makes the document. Its own pages take their scripts from a CDN, so ours stands in
 * their place, with everything it needs served from here: it also works where there is no internet.
 * Swagger UI and not Scalar, the plugin's other page: 1.9 MB against 3.6 MB (0.5 and 1.0 packed).
 */
export const docs = ({ version, schemas }: DocsParts) =>
  new Elysia({ normalize: false })
    .use(
      swagger({
        path: PAGE_PATH,
        specPath: `${PAGE_PATH}/json`,
        documentation: {
          // 3.1, because only there may a type be `["number", "null"]`.
          openapi: '3.1.0',
          info: { title: 'Tollgate', version, description: DESCRIPTION },
          tags: TAGS,
          security: [{ bearer: [] }, { header: [] }],
          components: {
            securitySchemes: {
              bearer: { type: 'http', scheme: 'bearer' },
              header: { type: 'apiKey', in: 'header', name: 'x-api-key' },
              portal: {
                type: 'http',
                scheme: 'bearer',
                description: 'The token of a link that /customer/portal made.',
              },
            },
            schemas: schemas as never,
          },
        },
      }),
    )
    // Of two routes for one path the later one is taken: this one, and not the plugin's page.
    .get(PAGE_PATH, () => new Response(PAGE, { headers: PAGE_HEADERS }), hidden)
    .get(`${PAGE_PATH}/swagger-ui.css`, () => asset(style, 'text/css'), hidden)
    .get(`${PAGE_PATH}/swagger-ui.js`, () => asset(script, 'text/javascript'), hidden)
    .get(`${PAGE_PATH}/start.js`, () => asset(START, 'text/javascript'), hidden)

export type DocsParts = {
  readonly version: string
  /** What `named` schemas stand for. */
  readonly schemas: Readonly<Record<string, TSchema>>
}

const PAGE_PATH = '/docs'

/** The paths of this file. They hold no secrets, so they need no key. */
export const DOCS_PATHS: readonly string[] = [
  PAGE_PATH,
  ...['json', 'swagger-ui.css', 'swagger-ui.js', 'start.js'].map((name) => `${PAGE_PATH}/${name}`),
]

const DESCRIPTION =
  'An LLM gateway that keeps a tab for every customer. Point an OpenAI client at it, name the ' +
  'customer in `user`, and give each a budget. The master key opens every path; a virtual key ' +
  'opens those for calls or those for reports, and is told with a 403 where it does not.'

const TAGS = [
  { name: 'Calls', description: 'Metered calls, as OpenAI and Anthropic have them.' },
  { name: 'Customers', description: 'Whose tab it is, and what is on it.' },
  { name: 'Customers, as /end_user', description: 'The same paths by their other name.' },
  { name: 'Credit', description: 'Credit that customers have paid in advance.' },
  { name: 'Credit, as /end_user', description: 'The same paths by their other name.' },
  { name: 'Budgets', description: 'Limits that many customers can be on.' },
  { name: 'Keys', description: 'Virtual keys for calls and for reports.' },
  { name: 'Spend', description: 'What was used: call by call, by customer, and as a file.' },
  { name: 'Models', description: 'What is served, and what it costs.' },
  { name: 'Webhooks', description: 'Who is told of charges and budgets, and what they took.' },
  { name: 'Portal', description: "A customer's own page at /portal, and what it asks." },
  { name: 'Console', description: 'Sessions of the admin console at /ui.' },
  { name: 'Health', description: 'For load balancers and supervisors.' },
]

const hidden = { detail: { hide: true } }

const PAGE = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Tollgate API</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="${PAGE_PATH}/swagger-ui.css?v=${manifest.version}">
</head>
<body>
<div id="docs"></div>
<script src="${PAGE_PATH}/swagger-ui.js?v=${manifest.version}"></script>
<script src="${PAGE_PATH}/start.js?v=${manifest.version}"></script>
</body>
</html>
`

const START = `SwaggerUIBundle({
  url: '${PAGE_PATH}/json',
  dom_id: '#docs',
  deepLinking: true,
  docExpansion: 'list',
  defaultModelsExpandDepth: 0,
  persistAuthorization: false,
  validatorUrl: null,
})
`

const PAGE_HEADERS = {
  'content-type': 'text/html; charset=utf-8',
  'cache-control': 'no-cache',
  // The browser itself sees to it that the page asks nobody else.
  'content-security-policy':
    "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; " +
    "frame-ancestors 'none'",
}

/** The address of an asset carries its version, so a browser may keep it for good. */
const asset = (text: string, type: string) =>
  new Response(text, {
    headers: {
      'content-type': `${type}; charset=utf-8`,
      'cache-control': 'public, max-age=31536000, immutable',
    },
  })
