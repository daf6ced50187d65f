import { z } from 'zod'
import { parseJsonPath } from './json-path.ts'
import { parseSafePattern } from './safe-pattern.ts'

const KIB = 1024
const MIB = 1024 * KIB
/** Of a body that is redacted: it is in memory whole, and those behind it wait meanwhile. */
const REDACTED_BYTES_MAX = 4 * MIB

const MEDIA_RANGE =
  /^(?:\*\/\*|[a-z0-9!#$&^_.+-]{1,100}\/(?:\*|(?:\*\+)?[a-z0-9!#$&^_.+-]{1,100}))$/

const redactSchema = z.strictObject({
  credentials: z
    .boolean()
    .default(true)
    .describe('take out API keys, tokens, and members and parameters that are named like secrets'),
  paths: z
    .array(z.string().superRefine(saysWhy(parseJsonPath)))
    .max(64)
    .default([])
    .describe('JSONPath: names, indices, *, ..; only JSON bodies are captured where there is one'),
  patterns: z
    .array(
      z.strictObject({
        name: z
          .string()
          .regex(/^[a-z0-9][a-z0-9-]{0,63}$/, 'is not a short plain name')
          .describe('what records say was taken out'),
        pattern: z
          .string()
          .superRefine(saysWhy(parseSafePattern))
          .describe('a row of characters and [sets], each once, {n}, {n,m} or ?'),
      }),
    )
    .max(16)
    .default([]),
})

/** `capture` of a route. */
export const captureSchema = z
  .strictObject({
    directions: z
      .array(z.enum(['request', 'response']))
      .min(1)
      .default(['request', 'response'])
      .describe('bodies as they go on to the upstream, and to the client'),
    on: z
      .enum(['always', 'refusal'])
      .default('always')
      .describe('refusal: only bodies of requests that are refused'),
    types: z
      .array(z.string().toLowerCase().regex(MEDIA_RANGE, 'is not a media type or range'))
      .min(1)
      .max(64)
      .default([
        'application/json',
        'application/*+json',
        'application/x-www-form-urlencoded',
        'application/xml',
        'application/*+xml',
        'text/*',
      ])
      .describe('media types, and ranges as text/*, application/*+json, */*'),
    bodyBytesMax: z
      .int()
      .min(1)
      .max(1024 * 1024 * MIB)
      .default(64 * KIB)
      .describe('what is kept of one body; of one that is redacted all or nothing'),
    beforeBytesMax: z
      .int()
      .min(0)
      .max(REDACTED_BYTES_MAX)
      .default(64 * KIB)
      .describe('request bodies of a known length up to this are captured before anything goes on'),
    samplePerMillion: z
      .int()
      .min(0)
      .max(1_000_000)
      .default(1_000_000)
      .describe('how many of a million exchanges, by chance'),
    redact: redactSchema.prefault({}),
  })
  .superRefine(({ on, directions, redact, bodyBytesMax }, context) => {
    if (on === 'refusal' && !directions.includes('request')) {
      const message = 'has no request: of a refusal there is no other body'
      context.addIssue({ code: 'custom', path: ['directions'], message })
    }
    if (bodyBytesMax > REDACTED_BYTES_MAX && redacts(redact)) {
      const message = `is more than ${REDACTED_BYTES_MAX}, and what is redacted is held in memory`
      context.addIssue({ code: 'custom', path: ['bodyBytesMax'], message })
    }
  })
  .describe('bodies that are kept, sealed, beside the records')

export type CaptureConfig = z.infer<typeof captureSchema>
export type Direction = CaptureConfig['directions'][number]

/** Whether anything may be taken out of a body: then it is kept whole, or not at all. */
export function redacts({ credentials, paths, patterns }: CaptureConfig['redact']): boolean {
  return credentials || paths.length > 0 || patterns.length > 0
}

function saysWhy(parse: (text: string) => unknown) {
  return (text: string, context: z.RefinementCtx): void => {
    try {
      parse(text)
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error)
      context.addIssue({ code: 'custom', message })
    }
  }
}
