import { flattenedVerify } from 'jose'
import type { Algorithm } from './algorithms.ts'
import type { Jws } from './read-jws.ts'
import type { VerifyKey } from './verify-key.ts'

/** The key that the signature verifies with, of the few that it could be. */
export async function signerOf(
  { text, signingInput }: Jws,
  algorithm: Algorithm,
  keys: readonly VerifyKey[],
): Promise<VerifyKey | undefined> {
  const [protectedPart = '', payload = ''] = signingInput.split('.')
  const signature = text.slice(signingInput.length + 1)
  for (const verifyKey of keys) {
    try {
      const jws = { protected: protectedPart, payload, signature }
      await flattenedVerify(jws, verifyKey.key, { algorithms: [algorithm] })
      return verifyKey
    } catch {
      // Whatever the library says against it: with this key it is no signature.
    }
  }
  return undefined
}
