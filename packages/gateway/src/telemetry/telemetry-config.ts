import { z } from 'zod'

const RATIO = z.number().min(0).max(1)

/** The section `telemetry`: what goes out about requests, beside what is on record of them. */
export const telemetryConfigSchema = z.strictObject({
  traces: z
    .strictObject({
      endpoint: z
        .url({ protocol: /^https?$/ })
        .refine(isSafe, 'is not https: spans tell who asks how much; only this machine needs none')
        .describe('where spans are sent by OTLP/HTTP, as in https://collector.example/v1/traces'),
      authorization: z
        .union([
          z.strictObject({ file: z.string().min(1).describe('file that holds it alone') }),
          z.strictObject({ env: z.string().min(1).describe('environment variable') }),
        ])
        .optional()
        .describe('value of the field Authorization, as in `Bearer …`'),
      newTraceRatio: RATIO.default(0.01).describe(
        'share of the requests without a trace of their own for which one is begun',
      ),
      followCallers: z
        .boolean()
        .default(true)
        .describe('whether a caller that samples its trace makes us send our part of it'),
      spansWaitingMax: z
        .int()
        .min(1)
        .max(100_000)
        .default(2048)
        .describe('spans that wait to be sent; what comes beyond is dropped'),
    })
    .optional(),
})

export type TelemetryConfig = z.infer<typeof telemetryConfigSchema>

function isSafe(text: string): boolean {
  const { protocol, hostname } = new URL(text)
  return protocol === 'https:' || ['127.0.0.1', '[::1]', 'localhost'].includes(hostname)
}
