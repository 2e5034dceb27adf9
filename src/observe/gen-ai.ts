import type { Endpoint } from '../gateway/endpoint.ts'

/**
 * What OpenTelemetry's GenAI conventions call an operation and a provider, where they have a name
 * (https://opentelemetry.io/docs/specs/semconv/registry/attributes/gen-ai/); else our own.
 */
const OPERATIONS: Readonly<Record<string, string>> = {
  '/chat/completions': 'chat',
  '/messages': 'chat',
  '/responses': 'chat',
  '/completions': 'text_completion',
  '/embeddings': 'embeddings',
}

const PROVIDERS: Readonly<Record<string, string>> = {
  azure: 'azure.ai.openai',
  azure_ai: 'azure.ai.inference',
  bedrock: 'aws.bedrock',
  gemini: 'gcp.gemini',
  mistral: 'mistral_ai',
  vertex_ai: 'gcp.vertex_ai',
  watsonx: 'ibm.watsonx.ai',
  xai: 'x_ai',
}

export const genAiOperation = ({ path }: Pick<Endpoint, 'path'>): string =>
  OPERATIONS[path] ?? path.slice(1).replaceAll('/', '_')

export const genAiProvider = (provider: string): string => PROVIDERS[provider] ?? provider
