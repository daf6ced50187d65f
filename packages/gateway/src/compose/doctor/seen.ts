import type { Stats } from 'node:fs'
import { stat } from 'node:fs/promises'
import type { Finding } from '../../cli/index.ts'

/** What a path leads to: nothing at all, or something that may not be looked at. */
export type Seen =
  | { readonly kind: 'there'; readonly facts: Stats }
  | { readonly kind: 'nothing' }
  | { readonly kind: 'unseen'; readonly finding: Finding }

/** What cannot be looked at is a finding: it is not sound because nobody saw what is wrong. */
export async function see(topic: string, path: string): Promise<Seen> {
  try {
    return { kind: 'there', facts: await stat(path) }
  } catch (error) {
    const { code = String(error) } = error as NodeJS.ErrnoException
    if (code === 'ENOENT') return { kind: 'nothing' }
    return { kind: 'unseen', finding: unseen(topic, path, code) }
  }
}

export function unseen(topic: string, subject: string, code: string): Finding {
  const advice = 'run doctor as the gateway’s user, and look at the directories above it'
  return { topic, subject, state: 'failure', says: `cannot be looked at: ${code}`, advice }
}
