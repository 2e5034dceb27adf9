import { expect, test } from 'bun:test'
import { load, problemsOf, withParams } from './loading.ts'

const model = 'model_list[0].litellm_params'

test.each<[string, string, string]>([
  [
    'a misspelt parameter',
    withParams('model: demo', 'tiemout: 3'),
    `5: ${model}.tiemout is not a setting of Tollgate or LiteLLM; did you mean timeout?`,
  ],
  [
    'a misspelt price',
    withParams('model: demo', 'input_cost_per_tokn: 1e-6'),
    `5: ${model}.input_cost_per_tokn is not a setting of Tollgate or LiteLLM; did you mean input_cost_per_token?`,
  ],
  [
    'a list that is a text',
    'model_list: gpt',
    '1: model_list must be a list of models, each with model_name and litellm_params, got "gpt"',
  ],
  [
    'an empty model_list',
    '\nmodel_list: []',
    '2: model_list needs at least one model; `- {model_name: demo, litellm_params: {model: demo/demo}}` is one',
  ],
  [
    'a model_list of nothing',
    'model_list:',
    '1: model_list needs at least one model; `- {model_name: demo, litellm_params: {model: demo/demo}}` is one',
  ],
  [
    'an entry that is a text',
    'model_list: [gpt-4o]',
    '1: model_list[0] must be a map of keys and values, got "gpt-4o"',
  ],
  [
    'no model_name',
    'model_list:\n- litellm_params: {model: demo}',
    '2: model_list[0].model_name is missing; it is the name that clients ask for',
  ],
  [
    'a number as a model_name',
    'model_list:\n- model_name: 4\n  litellm_params: {model: demo}',
    '2: model_list[0].model_name must be text; put it in quotes, got 4',
  ],
  [
    'no litellm_params',
    'model_list:\n- model_name: m',
    '2: model_list[0].litellm_params is missing; it is a map with model in it',
  ],
  [
    'no model',
    'model_list:\n- model_name: m\n  litellm_params: {timeout: 3}',
    '3: model_list[0].litellm_params.model is missing; it is what the upstream is asked for, as in openai/gpt-4o',
  ],
  [
    'a wildcard model_name',
    'model_list:\n- model_name: openai/*\n  litellm_params: {model: demo}',
    '2: model_list[0].model_name must be a name without *, as wildcards are not supported yet, got "openai/*"',
  ],
  [
    'a wildcard model',
    withParams('model: openai/*'),
    `4: ${model}.model must be one model, as wildcards (*) are not supported yet, got "openai/*"`,
  ],
  [
    'a misspelt provider',
    withParams('model: opnai/gpt-4o'),
    `4: ${model}.model must begin with a known provider, as in openai/gpt-4o, got "opnai/gpt-4o"; did you mean openai/? Or, for a server of your own, set api_base`,
  ],
  [
    'a provider nobody knows',
    withParams('model: acme/model'),
    `4: ${model}.model must begin with a known provider, as in openai/gpt-4o, got "acme/model"; for a server of your own, set api_base`,
  ],
  [
    'a provider with a format of its own',
    withParams('model: sagemaker/x'),
    `4: ${model}.model: sagemaker is not supported on its own; this version speaks OpenAI's wire format, to an endpoint given in api_base`,
  ],
  [
    'one whose address is not complete, by the bare name of its model',
    withParams('model: gemini-2.5-pro'),
    `4: ${model}.model: vertex_ai needs its project; set vertex_project beside it, or VERTEXAI_PROJECT in the environment, or api_base`,
  ],
  [
    'a server of your own without an address',
    withParams('model: hosted_vllm/x'),
    `4: ${model}.model: hosted_vllm is where you run it; give its address in api_base, such as http://localhost:8000/v1`,
  ],
  [
    'an address without http',
    withParams('model: openai/x', 'api_base: localhost:8000'),
    `5: ${model}.api_base must be an address that begins with http:// or https://, without a password, got "localhost:8000"`,
  ],
  [
    'an address with a query',
    withParams('model: openai/x', 'api_base: https://x.y/v1?a=b'),
    `5: ${model}.api_base must be an address without ? and #, got "https://x.y/v1?…"`,
  ],
  [
    'both names of the address',
    withParams('model: openai/x', 'api_base: http://a', 'base_url: http://b'),
    `6: ${model}.base_url is another name of api_base; keep one of the two`,
  ],
  [
    'a time-out of zero',
    withParams('model: demo', 'timeout: 0'),
    `5: ${model}.timeout must be a number of seconds from 0.001 to 86400, got 0`,
  ],
  [
    'a time-out in words',
    withParams('model: demo', 'timeout: 10s'),
    `5: ${model}.timeout must be a number of seconds from 0.001 to 86400, got "10s"`,
  ],
  [
    'a time-out that is not a number',
    withParams('model: demo', 'timeout: .nan'),
    `5: ${model}.timeout must be a number of seconds from 0.001 to 86400, got NaN`,
  ],
  [
    'a header of ours',
    withParams('model: demo', 'extra_headers: {Content-Length: 3}'),
    `5: ${model}.extra_headers.Content-Length is a header that Tollgate sets for each call; remove it`,
  ],
  [
    'a header that cannot be',
    withParams('model: demo', 'extra_headers: {"a b": c}'),
    `5: ${model}.extra_headers.(a key not shown) cannot be the name of a header`,
  ],
  [
    'a header with a line end',
    withParams('model: demo', 'extra_headers: {a: "b\\n"}'),
    `5: ${model}.extra_headers.a holds a sign that no header may hold`,
  ],
  [
    'a mock that is no text',
    withParams('model: demo', 'mock_response: {a: b}'),
    `5: ${model}.mock_response must be text, got a map`,
  ],
  [
    'a variable that is not set',
    withParams('model: openai/x', 'api_key: os.environ/NOPE'),
    `5: ${model}.api_key needs the environment variable NOPE, which is not set`,
  ],
  [
    'a variable without a name',
    withParams('model: openai/x', 'api_key: os.environ/'),
    `5: ${model}.api_key names no variable after os.environ/`,
  ],
  [
    'a price below zero',
    withParams('model: demo', 'input_cost_per_token: -1', 'output_cost_per_token: 0'),
    '5: model_list[0].litellm_params: input_cost_per_token must be dollars for one token: from 0 to 9, to 15 decimal places; got -1',
  ],
  [
    'a price in words',
    withParams('model: demo', 'input_cost_per_token: free', 'output_cost_per_token: 0'),
    '5: model_list[0].litellm_params.input_cost_per_token must be dollars for one token, as a number, got "free"',
  ],
  [
    'half a price',
    withParams('model: demo', 'input_cost_per_token: 0'),
    '3: model_list[0].litellm_params: output_cost_per_token is missing beside the other prices; add it, or 0 if it is free (nothing is free unless the config says so)',
  ],
  [
    'a price from a variable that is not set',
    withParams('model: demo', 'input_cost_per_token: 0', 'output_cost_per_token: os.environ/NOPE'),
    '6: model_list[0].litellm_params.output_cost_per_token needs the environment variable NOPE, which is not set',
  ],
  [
    'an id twice',
    'model_list:\n- {model_name: a, litellm_params: {model: demo}, model_info: {id: x}}\n- {model_name: b, litellm_params: {model: demo}, model_info: {id: x}}',
    '3: model_info.id "x" is also that of the model on line 2; each needs one of its own',
  ],
  [
    'an id that fits no header',
    'model_list:\n- {model_name: a, litellm_params: {model: demo}, model_info: {id: ä}}',
    '2: model_list[0].model_info.id must be made of ASCII letters, digits and signs, without spaces, got "ä"',
  ],
])('a mistake in a model is told with its line and what would be right: %s', (_, text, problem) => {
  expect(problemsOf(() => load(text))).toEqual([`config.yaml:${problem}`])
})
