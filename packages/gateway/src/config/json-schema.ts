import { z } from 'zod'
import { configSchema } from './schema.ts'

/** The file's JSON Schema, for editors: what may be written, with defaults and descriptions. */
export function configJsonSchema(): z.core.JSONSchema.BaseSchema {
  return z.toJSONSchema(configSchema, { io: 'input' })
}
