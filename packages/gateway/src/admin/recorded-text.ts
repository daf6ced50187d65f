import { z } from 'zod'
import { redactCredentials } from '../identity/index.ts'

const TEXT_LENGTH_MAX = 1000

/** What is wrong with a text that holds a secret: what is recorded stays for good. */
export const HOLDS_CREDENTIAL =
  'holds a credential, and would be on record for good: ' +
  'name a key by its prefix, a token by its jti or the SHA-256 of its claims'

export function holdsCredential(text: string): boolean {
  return redactCredentials(text) !== text
}

/** Why somebody does something, in their words. */
export const reasonSchema = z
  .string()
  .trim()
  .min(1)
  .max(TEXT_LENGTH_MAX)
  .refine((text) => !holdsCredential(text), HOLDS_CREDENTIAL)
